#pragma once

#include "event/value.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tidemill {

/// The number in an int, uint or double.
[[nodiscard]] std::optional<double> as_number(const value& v);

/// What is wrong with the constant of a call, or nothing; `columns` are the types of the arguments before it.
[[nodiscard]] std::string no_fraction(const std::vector<type>& columns, const value& constant);

} // namespace tidemill
