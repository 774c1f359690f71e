#include "event/alerts.hpp"

namespace tidemill {

std::string_view to_string(alert_state s) noexcept {
  switch (s) {
  case alert_state::resolved:
    return "resolved";
  case alert_state::pending:
    return "pending";
  case alert_state::firing:
    return "firing";
  }
  return "unknown";
}

std::string to_json(const alert_schema& rule, const alert_entry& e) {
  std::string out;
  auto text = [&](std::string_view name, std::string_view t) {
    out += name;
    append_json_string(out, t);
  };
  out += "{\"offset\":" + std::to_string(e.offset);
  text(",\"alert\":", rule.name);
  text(",\"severity\":", rule.severity);
  text(",\"state\":", to_string(e.state));
  text(",\"was\":", to_string(e.was));
  text(",\"since\":", format_rfc3339(e.since));
  if (!e.message.empty())
    text(",\"message\":", e.message);
  return out + ",\"row\":" + to_json(*rule.view, *e.data) + '}';
}

} // namespace tidemill
