#include "pipeline/outlet.hpp"

#include "event/value.hpp"
#include "pipeline/exchange_body.hpp"
#include "pipeline/exchange_intake.hpp"

#include <algorithm>

namespace tidemill {
namespace {

/// `"raw":"text"`, `"raw_base64":"…"` where it isn't UTF-8, `"raw":null` without a value.
void append_bytes(std::string& json, const std::string& name, std::optional<std::string_view> bytes) {
  if (!bytes)
    json += '"' + name + "\":null";
  else if (!is_utf8(*bytes))
    json += '"' + name + "_base64\":\"" + base64_encode(*bytes) + '"';
  else
    append_json_string(json += '"' + name + "\":", *bytes);
}

/// The key and all headers, in order.
void append_meta(std::string& json, const record_meta& meta) {
  append_bytes(json += ',', "key", meta.key);
  json += ",\"headers\":[";
  for (std::size_t i = 0; i < meta.headers.size(); ++i) {
    append_bytes(json += i == 0 ? "{" : ",{", "name", meta.headers[i].name);
    append_bytes(json += ',', "value", meta.headers[i].value);
    json += '}';
  }
  json += ']';
}

/// Text and bytes as they are, all else as JSON.
std::optional<std::string> key_text(const column& keys, std::size_t row) {
  if (keys.is_null(row))
    return std::nullopt;
  auto key = keys.at(row);
  if (key.is_null())
    return std::nullopt;
  if (const auto* text = key.get_if<std::string>())
    return *text;
  if (const auto* bytes = key.get_if<byte_string>())
    return bytes->bytes;
  std::string json;
  append_json(json, key);
  return json;
}

} // namespace

outlet::outlet(const source_plan& source, partition_id id)
    : source_(source), id_(id), events_(source.streams.size(), nobody), dead_(source.streams.size(), nobody),
      late_(source.views.size(), nobody) {
  for (std::size_t i = 0; i < source.outputs.size(); ++i) {
    const auto& o = source.outputs[i];
    switch (o.kind) {
    case output_kind::events:
      events_[o.of] = i;
      break;
    case output_kind::dead:
      dead_[o.of] = i;
      break;
    case output_kind::late:
      late_[o.of] = i;
      break;
    case output_kind::future:
      future_ = i;
      break;
    case output_kind::exchange:
      exchanges_.push_back(i);
      break;
    }
  }
}

bool outlet::wants(std::size_t stream) const noexcept {
  return events_[stream] != nobody;
}

void outlet::exchange(std::size_t stream, const event_batch& batch, const selection& rows) {
  for (auto output : exchanges_) {
    const auto& o = source_.outputs[output];
    if (o.of != stream)
      continue;
    const auto& slots = source_.streams[stream].slots;
    for (auto row : rows) {
      std::string body, key;
      append_body(body, batch, row, slots);
      for (auto field : o.key)
        append_encoded(key, batch.columns[slots[field]], row);
      add(output, batch.records[row], std::move(body), {std::move(key)});
    }
  }
}

void outlet::add(std::size_t output, const record& r, std::string json,
                 std::vector<std::optional<std::string>> keys) {
  if (output == nobody)
    return;
  built_.push_back({output, {id_, r.at, 0}, std::move(json), std::move(keys)});
}

std::string outlet::refusal(std::string_view stream, std::string_view step, const record& r, errc code,
                            std::string_view reason, event_time at) const {
  std::string json = "{\"stream\":";
  append_json_string(json, stream);
  json += ",\"source\":";
  append_json_string(json, source_.name);
  json += ",\"partition\":" + std::to_string(to_index(id_)) + ",\"offset\":" + std::to_string(r.at) +
          ",\"step\":";
  append_json_string(json, step);
  json += ",\"code\":" + std::to_string(static_cast<int>(code)) + ",\"reason\":";
  append_json_string(json, reason);
  if (at != time_min)
    json += ",\"event_time\":\"" + format_rfc3339(at) + '"';
  if (r.arrival)
    json += ",\"received\":\"" + format_rfc3339(*r.arrival) + '"';
  if (r.meta != nullptr)
    append_meta(json, *r.meta);
  if (source_.exchange) {
    auto text = exchange_record_json(*source_.exchange, r.bytes);
    append_bytes(json += ',', "raw", text);
    return json += '}';
  }
  append_bytes(json += ',', "raw",
               r.meta != nullptr && r.meta->tombstone ? std::nullopt : std::optional{r.bytes});
  json += '}';
  return json;
}

void outlet::add_refusal(std::size_t output, std::string_view step, const record& r, errc code,
                         std::string reason, event_time at) {
  if (output == nobody)
    return;
  const auto told = ++refusals_[{output, r.at, r.bytes.data()}];
  if (told > most_refusals)
    return;
  if (told == most_refusals)
    reason += " (of this record no more events are told; they are counted)";
  add(output, r, refusal(source_.outputs[output].name, step, r, code, reason, at));
}

void outlet::refused(output_kind kind, std::size_t of, std::string_view step, const record& r,
                     const error& why) {
  add_refusal(kind == output_kind::future ? future_ : dead_[of], step, r, why.code(), why.text(), time_min);
}

void outlet::late(std::size_t view, const record& r, event_time at, event_time watermark) {
  add_refusal(
      late_[view], source_.views[view].name, r, errc::event_late,
      watermark == time_max
          ? "late: the input had ended, which made all windows final; a file that grows wants `follow`"
          : "late: its windows were final when the watermark passed " + format_rfc3339(watermark),
      at);
}

std::uint64_t outlet::events(std::size_t stream, const event_batch& batch, const selection& rows) {
  const auto& s = source_.streams[stream];
  const auto& wanted = source_.outputs[events_[stream]].keys;
  std::vector<column> keys(wanted.size());
  std::vector<cel::row_error> failed;
  for (std::size_t i = 0; i < keys.size(); ++i)
    wanted[i].text.evaluate(batch, rows, keys[i], failed);
  for (auto row : rows) {
    std::string json = "{";
    for (std::size_t i = 0; i < s.fields.size(); ++i) {
      if (i > 0)
        json += ',';
      append_json_string(json, s.fields[i].name);
      json += ':';
      append_json(json, batch.columns[s.slots[i]].at(row));
    }
    json += '}';
    std::vector<std::optional<std::string>> own;
    for (const auto& k : keys)
      own.push_back(key_text(k, row));
    add(events_[stream], batch.records[row], std::move(json), std::move(own));
  }
  return failed.size();
}

void outlet::take(std::vector<emission>& out) {
  const auto before = [](const emission& a, const emission& b) {
    return std::pair{a.id.at, a.output} < std::pair{b.id.at, b.output};
  };
  if (!std::ranges::is_sorted(built_, before))
    std::ranges::stable_sort(built_, before);
  for (std::size_t i = 1; i < built_.size(); ++i)
    if (built_[i].id.at == built_[i - 1].id.at && built_[i].output == built_[i - 1].output)
      built_[i].id.index = built_[i - 1].id.index + 1;
  out.insert(out.end(), std::make_move_iterator(built_.begin()), std::make_move_iterator(built_.end()));
  built_.clear();
  refusals_.clear();
}

} // namespace tidemill
