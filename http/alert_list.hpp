#pragma once

#include "http/server.hpp"

#include "http/problem.hpp"
#include "http/request.hpp"

#include <string>

namespace tidemill {

/// Rules, what is pending or firing under them, and how far they have looked: `GET /v1/alerts`, which may be
/// narrowed with `state=`; `only` is the answer about one rule.
[[nodiscard]] http_response list_alerts(const server_content& content, const request_target& target);
[[nodiscard]] http_response describe_alert(const alert_snapshot& log, const request_target& target);
/// Entries of a rule's log from an offset on, the oldest first; `epoch`, `begin` and `end` tell what is kept.
[[nodiscard]] http_response list_entries(const alert_snapshot& log, const http_request& request);

/// `"epoch":…,"begin":…,"end":…`, without braces.
void append_log_position(std::string& out, const alert_snapshot& log);

} // namespace tidemill
