#include "http/alert_list.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <span>

namespace tidemill {
namespace {

constexpr std::size_t usual_limit = 1000;
constexpr std::size_t largest_limit = 10'000;
constexpr std::array<std::string_view, 2> entry_types = {"application/json", "application/x-ndjson"};

void append_duration(std::string& out, microseconds d) {
  append_json_string(out, format_config_duration(d));
}

void append_entries(std::string& out, std::span<const alert_entry_ptr> entries) {
  out.push_back('[');
  for (const auto& e : entries)
    (out += out.back() == '[' ? "" : ",") += e->json;
  out.push_back(']');
}

void append_rule(std::string& out, const alert_snapshot& log, std::optional<alert_state> only) {
  const auto& rule = *log.rule;
  out += "{\"name\":";
  append_json_string(out, rule.name);
  out += ",\"from\":";
  append_json_string(out, rule.view->name);
  out += ",\"by\":[";
  for (std::size_t i = 0; i < rule.view->by; ++i) {
    out += i > 0 ? "," : "";
    append_json_string(out, rule.view->columns[i].name);
  }
  out += "],\"severity\":";
  append_json_string(out, rule.severity);
  out += ",\"when\":";
  append_json_string(out, rule.when);
  out += ",\"for\":";
  append_duration(out, rule.hold);
  std::array<std::size_t, 3> counts{};
  std::vector<alert_entry_ptr> active;
  for (const auto& e : log.active) {
    ++counts[static_cast<std::size_t>(e->state)];
    if (!only || e->state == *only)
      active.push_back(e);
  }
  out += ",\"pending\":" + std::to_string(counts[static_cast<std::size_t>(alert_state::pending)]) +
         ",\"firing\":" + std::to_string(counts[static_cast<std::size_t>(alert_state::firing)]) +
         ",\"failures\":" + std::to_string(log.failures) + ",\"evaluated\":";
  if (log.evaluated == time_min)
    out += "null";
  else
    append_json_string(out, format_rfc3339(log.evaluated));
  out.push_back(',');
  append_log_position(out, log);
  out += ",\"active\":";
  append_entries(out, active);
  out.push_back('}');
}

/// `state=`; false: it is no state.
bool read_state(const request_target& target, std::optional<alert_state>& out) {
  const auto* asked = target.find("state");
  if (asked == nullptr)
    return true;
  for (auto s : {alert_state::pending, alert_state::firing})
    if (*asked == to_string(s))
      out = s;
  return out.has_value();
}

http_response answer(std::string body, std::string_view type = entry_types[0]) {
  return {200, std::string{type}, {{"Cache-Control", "no-cache"}}, std::move(body)};
}

http_response no_state() {
  return problem(400, "refused", "state: expected pending or firing");
}

/// A number in [least, most], or what stands for its absence.
std::optional<std::uint64_t> number(const request_target& target, std::string_view name, std::uint64_t absent,
                                    std::uint64_t least, std::uint64_t most) {
  const auto* text = target.find(name);
  if (text == nullptr)
    return absent;
  std::uint64_t n = 0;
  const auto* end = text->data() + text->size();
  const auto [stop, failure] = std::from_chars(text->data(), end, n);
  return failure == std::errc{} && stop == end && n >= least && n <= most ? std::optional{n} : std::nullopt;
}

} // namespace

void append_log_position(std::string& out, const alert_snapshot& log) {
  out += "\"epoch\":" + std::to_string(log.epoch) + ",\"begin\":" + std::to_string(log.begin) +
         ",\"end\":" + std::to_string(log.end());
}

http_response list_alerts(const server_content& content, const request_target& target) {
  std::optional<alert_state> only;
  if (!read_state(target, only))
    return no_state();
  std::string out = "{\"pipeline\":";
  append_json_string(out, content.pipeline);
  out += ",\"alerts\":[";
  for (const auto& alert : content.alerts) {
    if (out.back() != '[')
      out.push_back(',');
    append_rule(out, *alert.cell->load(), only);
  }
  return answer(out + "]}\n");
}

http_response describe_alert(const alert_snapshot& log, const request_target& target) {
  std::optional<alert_state> only;
  if (!read_state(target, only))
    return no_state();
  std::string out;
  append_rule(out, log, only);
  return answer(out + '\n');
}

http_response list_entries(const alert_snapshot& log, const http_request& request) {
  if (log.epoch == 0)
    return problem(503, "starting", "the log of \"" + log.rule->name + "\" is not read back yet");
  constexpr auto most = std::uint64_t{1} << 53;
  const auto from = number(request.target, "from", log.begin, 0, most);
  if (!from)
    return problem(400, "refused", "from: expected the offset of an entry, a number");
  const auto limit = number(request.target, "limit", usual_limit, 1, largest_limit);
  if (!limit)
    return problem(400, "refused", "limit: expected a number from 1 to " + std::to_string(largest_limit));
  const int type = negotiate(request.accept, entry_types);
  if (type < 0)
    return problem(406, "not_acceptable", "entries come as application/json or application/x-ndjson");
  const auto first = std::clamp(*from, log.begin, log.end());
  auto entries =
      std::span{log.log}.subspan(first - log.begin, std::min<std::uint64_t>(*limit, log.end() - first));
  std::string out;
  if (type == 1)
    for (const auto& e : entries)
      out += e->json + '\n';
  else {
    out = "{";
    append_log_position(out, log);
    out += ",\"entries\":";
    append_entries(out, entries);
    out += "}\n";
  }
  auto r = answer(std::move(out), entry_types[static_cast<std::size_t>(type)]);
  r.fields.emplace_back("Vary", "Accept");
  return r;
}

} // namespace tidemill
