#include "pipeline/meta.hpp"

#include "event/value.hpp"

#include <algorithm>
#include <unordered_map>

namespace tidemill {
namespace {

enum : std::size_t { key, key_bytes, headers, time, partition, at };

/// The texts are views into the raw batch, which the events keep alive.
void fill_key(event_batch& batch, column& out, bool any_bytes) {
  auto& texts = out.as<std::string_view>();
  for (auto row : batch.selected) {
    const auto* meta = batch.records[row].meta;
    if (meta != nullptr && meta->key && (any_bytes || is_utf8(*meta->key)))
      texts[row] = *meta->key;
    else
      out.set_null(row);
  }
}

/// Of headers with one name the last one counts, in the place of the first.
value headers_of(const record_meta& meta) {
  value_map all;
  std::unordered_map<std::string_view, std::size_t> places; // a record may have very many
  for (const auto& h : meta.headers) {
    auto text = h.value.value_or(std::string_view{});
    if (!is_utf8(h.name) || !is_utf8(text))
      continue;
    if (auto [known, fresh] = places.try_emplace(h.name, all.size()); fresh)
      all.emplace_back(h.name, text);
    else
      all[known->second].second = text;
  }
  return all;
}

void fill_headers(event_batch& batch, column& out) {
  auto& maps = out.as<value>();
  const value none{value_map{}};
  for (auto row : batch.selected) {
    const auto* meta = batch.records[row].meta;
    maps[row] = meta == nullptr || meta->headers.empty() ? none : headers_of(*meta);
  }
}

void fill_time(event_batch& batch, column& out) {
  auto& times = out.as<timestamp>();
  for (auto row : batch.selected)
    if (const auto& arrival = batch.records[row].arrival)
      times[row] = to_timestamp(*arrival);
    else
      out.set_null(row);
}

} // namespace

const std::array<meta_column, meta_columns>& meta_names() {
  static const std::array<meta_column, meta_columns> all{
      {{"meta.key", {kind::string, true}},
       {"meta.key_bytes", {kind::bytes, true}},
       {"meta.headers", type::map_of(kind::string, kind::string)},
       {"meta.time", {kind::timestamp, true}},
       {"meta.partition", kind::integer},
       {"meta.offset", kind::integer}}};
  return all;
}

bool needs_record_meta(const meta_use& used) noexcept {
  return used[key] || used[key_bytes] || used[headers];
}

void fill_meta(const meta_use& used, std::size_t first, event_batch& batch) {
  for (std::size_t i = 0; i < meta_columns; ++i) {
    if (!used[i])
      continue;
    auto& out = batch.columns[first + i] = column{meta_names()[i].of};
    out.resize(batch.rows());
    if (i == key || i == key_bytes)
      fill_key(batch, out, i == key_bytes);
    else if (i == headers)
      fill_headers(batch, out);
    else if (i == time)
      fill_time(batch, out);
    else
      for (auto row : batch.selected)
        out.as<std::int64_t>()[row] = i == partition ? std::int64_t{to_index(batch.partition)}
                                                     : static_cast<std::int64_t>(batch.records[row].at);
  }
}

} // namespace tidemill
