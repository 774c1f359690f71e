#pragma once

#include "event/value.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace tidemill {

/// What is wrong with `actual`, or nothing: each key of an expected object must be there and match, others
/// may be there; null is met by an absent key; lists match element by element; numbers by value, doubles
/// within 10^-9 of the larger one; the rest exactly. The answer names the place: `user.name is "a", expected
/// "b"`.
[[nodiscard]] std::string mismatch(const value& expected, const value& actual);

/// Which actual value each expected one was paired with, so that as many as possible match.
struct pairing {
  static constexpr std::size_t none = static_cast<std::size_t>(-1);
  std::vector<std::size_t> of;     ///< by expected: index of an actual one, or `none`
  std::vector<std::size_t> unused; ///< actual ones, ascending
};
/// Each actual value is used once. (Augmenting paths: Kuhn 1955; at most |expected| × pairs that match.)
[[nodiscard]] pairing pair_up(const std::vector<value>& expected, const std::vector<value>& actual);

} // namespace tidemill
