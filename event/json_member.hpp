#pragma once

#include "event/value.hpp"

#include <string_view>

namespace tidemill {

/// The member `name` of an object, or null; the first one if it is repeated. Null for all that is no object.
[[nodiscard]] const value* json_member(const value& object, std::string_view name) noexcept;

} // namespace tidemill
