#pragma once

#include <string_view>

namespace tidemill {

/// Whether a topic may be called so: 1 … 249 letters, digits, points, `-` and `_`; not `.` or `..`.
[[nodiscard]] bool is_topic_name(std::string_view name) noexcept;

} // namespace tidemill
