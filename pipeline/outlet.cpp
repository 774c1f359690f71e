#include "pipeline/outlet.hpp"

#include "event/value.hpp"

#include <algorithm>

namespace tidemill {

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
    }
  }
}

bool outlet::wants(std::size_t stream) const noexcept {
  return events_[stream] != nobody;
}

void outlet::add(std::size_t output, const record& r, std::string json) {
  if (output == nobody)
    return;
  built_.push_back({output, {id_, r.at, 0}, std::move(json)});
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
  if (is_utf8(r.bytes)) {
    json += ",\"raw\":";
    append_json_string(json, r.bytes);
  } else {
    json += ",\"raw_base64\":\"" + base64_encode(r.bytes) + '"';
  }
  json += '}';
  return json;
}

void outlet::refused(output_kind kind, std::size_t of, std::string_view step, const record& r,
                     const error& why) {
  auto output = kind == output_kind::future ? future_ : dead_[of];
  if (output != nobody)
    add(output, r, refusal(source_.outputs[output].name, step, r, why.code(), why.text(), time_min));
}

void outlet::late(std::size_t view, const record& r, event_time at, event_time watermark) {
  auto output = late_[view];
  if (output == nobody)
    return;
  auto reason = "late: its windows were final when the watermark passed " + format_rfc3339(watermark);
  add(output, r,
      refusal(source_.outputs[output].name, source_.views[view].name, r, errc::event_late, reason, at));
}

void outlet::events(std::size_t stream, const event_batch& batch, const selection& rows) {
  const auto& s = source_.streams[stream];
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
    add(events_[stream], batch.records[row], std::move(json));
  }
}

void outlet::take(std::vector<emission>& out) {
  std::ranges::stable_sort(built_, [](const emission& a, const emission& b) {
    return std::pair{a.id.at, a.output} < std::pair{b.id.at, b.output};
  });
  for (std::size_t i = 1; i < built_.size(); ++i)
    if (built_[i].id.at == built_[i - 1].id.at && built_[i].output == built_[i - 1].output)
      built_[i].id.index = built_[i - 1].id.index + 1;
  out.insert(out.end(), std::make_move_iterator(built_.begin()), std::make_move_iterator(built_.end()));
  built_.clear();
}

} // namespace tidemill
