#pragma once

#include "http/server.hpp"

#include <string>

namespace tidemill {

/// What a reader may know of a view before it reads rows: columns with types, key, window, position,
/// watermark, number of rows. One JSON object; `now` is the wall clock, for the lag.
[[nodiscard]] std::string describe_view(const served_view& view, event_time now);
/// `{"pipeline":…,"views":[…]}`
[[nodiscard]] std::string describe_views(const server_content& content, event_time now);
/// `[{"name":…,"type":…}]`: window_start, window_end, the view's columns, state, revision.
void append_columns(std::string& out, const view_schema& schema);

} // namespace tidemill
