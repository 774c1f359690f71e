#pragma once

#include "event/value.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace tidemill {

inline constexpr std::size_t most_bounds = 200;

/// The number in an int, uint or double.
[[nodiscard]] std::optional<double> as_number(const value& v);
/// A whole number from 1 to `most`.
[[nodiscard]] std::optional<std::size_t> as_count(const value& v, std::size_t most);
/// A bound among values of a kind, as a value of that kind; null if it can't be one.
[[nodiscard]] value as_bound(kind among, const value& v);

/// What is wrong with the constant of a call, or nothing; `columns` are the types of the arguments before it.
[[nodiscard]] std::string no_fraction(const std::vector<type>& columns, const value& constant);
[[nodiscard]] std::string no_half_life(const std::vector<type>& columns, const value& constant);
[[nodiscard]] std::string no_bounds(const std::vector<type>& columns, const value& constant);
[[nodiscard]] std::string no_count(const value& constant, std::size_t most);
template <std::size_t Most>
[[nodiscard]] std::string no_count_to(const std::vector<type>&, const value& constant) {
  return no_count(constant, Most);
}

} // namespace tidemill
