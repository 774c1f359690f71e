#pragma once

#include "event/time.hpp"
#include "event/value.hpp"

#include <cmath>
#include <cstdint>
#include <limits>

namespace tidemill {

/// One bit pattern for all NaNs: which operand's one an operation passes on is the compiler's choice.
[[nodiscard]] inline double canonical(double x) noexcept {
  return std::isnan(x) ? std::numeric_limits<double>::quiet_NaN() : x;
}

/// Whether a decimal is within its documented range, |units| < 10^38.
[[nodiscard]] inline bool in_range(decimal d) noexcept {
  constexpr auto ten_19 = std::uint64_t{10'000'000'000'000'000'000u};
  constexpr auto limit = int128{ten_19} * ten_19;
  return d.units > -limit && d.units < limit;
}

/// What a total over a window is each second; null if the window has no length.
[[nodiscard]] inline value per_second(double total, microseconds window) {
  if (window <= microseconds{0})
    return {};
  return canonical(total / (static_cast<double>(window.count()) / 1e6));
}

} // namespace tidemill
