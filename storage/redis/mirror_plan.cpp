#include "storage/redis/mirror_plan.hpp"

#include "storage/redis/redis_keys.hpp"

#include <algorithm>
#include <map>
#include <string_view>
#include <tuple>
#include <unordered_map>

namespace tidemill {
namespace {

constexpr std::size_t longest_stream = 10'000;
constexpr std::size_t rows_per_entry = 256;

auto window_of(const row& r) {
  return std::tie(r.window_end, r.window_start);
}

std::shared_ptr<const std::string> json_of(const view_schema& view, const published_row& r) {
  return r.json ? r.json : std::make_shared<const std::string>(to_json(view, *r.data));
}

/// Sets the writes of `keys` (encoded key → write) to the newest row that the snapshot has, or to none.
void show_newest_left(const view_snapshot& view, std::unordered_map<std::string_view, key_write*> keys) {
  auto may_be_left = !view.schema->endless(); // else a key has one row at most
  for (auto block = view.blocks.rbegin(); may_be_left && block != view.blocks.rend() && !keys.empty();
       ++block)
    for (auto r = (*block)->rows.rbegin(); r != (*block)->rows.rend() && !keys.empty(); ++r) {
      auto found = r->removed ? keys.end() : keys.find(r->data->key);
      if (found == keys.end())
        continue;
      found->second->how = key_write::mode::set;
      found->second->shown = r->data;
      found->second->json = json_of(*view.schema, *r);
      keys.erase(found);
    }
  for (auto& [key, write] : keys) {
    write->how = key_write::mode::remove;
    write->shown = nullptr;
    write->json = nullptr;
  }
}

void add_change(stream_entry& entry, const view_schema& view, const published_row& r) {
  auto add = [&](std::string name, std::string v) {
    entry.fields.push_back(std::move(name));
    entry.fields.push_back(std::move(v));
  };
  add("op", r.removed ? "remove" : "put");
  add("key", key_text(view, *r.data));
  add("window_start", format_rfc3339(r.data->window_start));
  add("window_end", format_rfc3339(r.data->window_end));
  if (!r.removed)
    add("row", *json_of(view, r));
}

} // namespace

std::vector<key_write> plan_writes(const view_snapshot& view, const changes& delta, bool series) {
  std::vector<key_write> writes;
  std::unordered_map<std::string_view, std::size_t> known; // encoded key → its write
  auto write_of = [&](const row& r) -> key_write& {
    auto [place, added] = known.emplace(r.key, writes.size());
    if (added)
      writes.emplace_back().key = key_text(*view.schema, r);
    return writes[place->second];
  };
  for (const auto& r : delta.put) {
    auto& w = write_of(*r.data);
    auto json = json_of(*view.schema, r);
    if (series)
      w.series.push_back({r.data->window_end, json});
    if (w.shown && window_of(*r.data) < window_of(*w.shown))
      continue;
    w.shown = r.data;
    w.json = std::move(json);
  }
  std::unordered_map<std::string_view, std::size_t> shrunk;
  for (const auto& r : delta.removed) {
    auto& w = write_of(*r.data);
    if (series)
      w.series.push_back({r.data->window_end, nullptr});
    shrunk.emplace(r.data->key, known[r.data->key]);
  }
  std::unordered_map<std::string_view, key_write*> lookups;
  for (auto [key, place] : shrunk)
    lookups.emplace(key, &writes[place]);
  if (!lookups.empty())
    show_newest_left(view, std::move(lookups));
  for (auto& w : writes) {
    if (!delta.recovered)
      w.how = key_write::mode::set; // what is stored may be of another history
    // A removed window's place may have been taken by a row: removals come first.
    std::stable_sort(w.series.begin(), w.series.end(),
                     [](const auto& a, const auto& b) { return !a.json && b.json; });
  }
  return writes;
}

std::vector<stream_entry> plan_entries(const view_snapshot& view, const changes& delta) {
  std::vector<stream_entry> reset{{delta.offset, {"op", "reset"}}};
  if (!delta.recovered || delta.put.size() + delta.removed.size() > longest_stream)
    return reset;
  std::map<std::uint64_t, std::pair<stream_entry, std::size_t>> entries; // and how many rows they have
  for (const auto* list : {&delta.put, &delta.removed})
    for (const auto& r : *list) {
      auto& [entry, rows] = entries[r.changed];
      if (++rows > rows_per_entry)
        return reset;
      add_change(entry, *view.schema, r);
    }
  if (delta.trim > time_min && view.trimmed_at > 0) {
    auto& fields = entries[view.trimmed_at].first.fields;
    fields.insert(fields.end(), {"op", "trim", "window_end", format_rfc3339(delta.trim)});
  }
  std::vector<stream_entry> out;
  for (auto& [at, one] : entries) {
    one.first.offset = at;
    out.push_back(std::move(one.first));
  }
  return out;
}

} // namespace tidemill
