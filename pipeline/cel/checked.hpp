#pragma once

#include "event/time.hpp"
#include "event/value.hpp"

#include <cmath>
#include <compare>
#include <cstdint>
#include <limits>

namespace tidemill::cel {

/// Why an operation has no result; null: it has one, in `out`. The texts are part of row errors.
using problem = const char*;

inline constexpr problem int_overflow = "int overflow";
inline constexpr problem uint_overflow = "uint overflow";
inline constexpr problem division_by_zero = "division by zero";
inline constexpr problem modulus_by_zero = "modulus by zero";
inline constexpr problem timestamp_overflow = "timestamp out of range (years 1 to 9999)";
inline constexpr problem duration_overflow = "duration out of range (about 292 years)";
inline constexpr problem decimal_overflow = "decimal out of range";

inline problem add(std::int64_t a, std::int64_t b, std::int64_t& out) {
  return __builtin_add_overflow(a, b, &out) ? int_overflow : nullptr;
}
inline problem sub(std::int64_t a, std::int64_t b, std::int64_t& out) {
  return __builtin_sub_overflow(a, b, &out) ? int_overflow : nullptr;
}
inline problem mul(std::int64_t a, std::int64_t b, std::int64_t& out) {
  return __builtin_mul_overflow(a, b, &out) ? int_overflow : nullptr;
}
inline problem div(std::int64_t a, std::int64_t b, std::int64_t& out) {
  if (b == 0)
    return division_by_zero;
  if (b == -1)
    return sub(std::int64_t{0}, a, out); // MIN / -1 traps
  out = a / b;
  return nullptr;
}
inline problem mod(std::int64_t a, std::int64_t b, std::int64_t& out) {
  if (b == 0)
    return modulus_by_zero;
  if (b == -1) { // MIN % -1 traps, and CEL calls it an overflow
    out = 0;
    return a == std::numeric_limits<std::int64_t>::min() ? int_overflow : nullptr;
  }
  out = a % b;
  return nullptr;
}
inline problem neg(std::int64_t a, std::int64_t& out) {
  return sub(std::int64_t{0}, a, out);
}

inline problem add(std::uint64_t a, std::uint64_t b, std::uint64_t& out) {
  return __builtin_add_overflow(a, b, &out) ? uint_overflow : nullptr;
}
inline problem sub(std::uint64_t a, std::uint64_t b, std::uint64_t& out) {
  return __builtin_sub_overflow(a, b, &out) ? uint_overflow : nullptr;
}
inline problem mul(std::uint64_t a, std::uint64_t b, std::uint64_t& out) {
  return __builtin_mul_overflow(a, b, &out) ? uint_overflow : nullptr;
}
inline problem div(std::uint64_t a, std::uint64_t b, std::uint64_t& out) {
  if (b == 0)
    return division_by_zero;
  out = a / b;
  return nullptr;
}
inline problem mod(std::uint64_t a, std::uint64_t b, std::uint64_t& out) {
  if (b == 0)
    return modulus_by_zero;
  out = a % b;
  return nullptr;
}

inline problem add(double a, double b, double& out) {
  out = a + b;
  return nullptr;
}
inline problem sub(double a, double b, double& out) {
  out = a - b;
  return nullptr;
}
inline problem mul(double a, double b, double& out) {
  out = a * b;
  return nullptr;
}
inline problem div(double a, double b, double& out) {
  out = a / b;
  return nullptr;
}
inline problem neg(double a, double& out) {
  out = -a;
  return nullptr;
}

problem add(decimal a, decimal b, decimal& out);
problem sub(decimal a, decimal b, decimal& out);
/// Rounds half away from zero to 9 digits, as `div` does.
problem mul(decimal a, decimal b, decimal& out);
problem div(decimal a, decimal b, decimal& out);
inline problem neg(decimal a, decimal& out) {
  out.units = -a.units;
  return nullptr;
}
inline decimal to_decimal(std::int64_t x) {
  return {int128{x} * decimal_one};
}
inline decimal to_decimal(std::uint64_t x) {
  return {static_cast<int128>(x) * decimal_one};
}
/// Rounds half away from zero; NaN, infinities and 10^29 or more are no decimals.
problem to_decimal(double x, decimal& out);
/// The nearest double.
double to_double(decimal d);

inline problem add(duration a, duration b, duration& out) {
  return add(a.nanos, b.nanos, out.nanos) ? duration_overflow : nullptr;
}
inline problem sub(duration a, duration b, duration& out) {
  return sub(a.nanos, b.nanos, out.nanos) ? duration_overflow : nullptr;
}
inline problem neg(duration a, duration& out) {
  return neg(a.nanos, out.nanos) ? duration_overflow : nullptr;
}
problem add(timestamp a, duration b, timestamp& out);
inline problem add(duration a, timestamp b, timestamp& out) {
  return add(b, a, out);
}
problem sub(timestamp a, duration b, timestamp& out);
problem sub(timestamp a, timestamp b, duration& out);

/// Comparison as CEL has it: integers exactly, with a double as doubles unless it is outside the integer's
/// range, decimals exactly with integers and as doubles with doubles. Unordered with NaN only.
template <class T>
std::partial_ordering order(const T& a, const T& b) {
  return a <=> b;
}
inline std::partial_ordering order(std::int64_t a, std::uint64_t b) {
  return a < 0 ? std::strong_ordering::less : static_cast<std::uint64_t>(a) <=> b;
}
inline std::partial_ordering order(std::uint64_t a, std::int64_t b) {
  return b < 0 ? std::strong_ordering::greater : a <=> static_cast<std::uint64_t>(b);
}
inline std::partial_ordering order(std::int64_t a, double b) {
  return b > 0x1p63    ? std::partial_ordering::less
         : b < -0x1p63 ? std::partial_ordering::greater
                       : static_cast<double>(a) <=> b;
}
inline std::partial_ordering order(std::uint64_t a, double b) {
  return b > 0x1p64 ? std::partial_ordering::less
         : b < 0    ? std::partial_ordering::greater
                    : static_cast<double>(a) <=> b;
}
inline std::partial_ordering order(double a, std::int64_t b) {
  return 0 <=> order(b, a);
}
inline std::partial_ordering order(double a, std::uint64_t b) {
  return 0 <=> order(b, a);
}
inline std::partial_ordering order(decimal a, std::int64_t b) {
  return a.units <=> to_decimal(b).units;
}
inline std::partial_ordering order(decimal a, std::uint64_t b) {
  return a.units <=> to_decimal(b).units;
}
inline std::partial_ordering order(decimal a, double b) {
  return to_double(a) <=> b;
}
inline std::partial_ordering order(std::int64_t a, decimal b) {
  return to_decimal(a).units <=> b.units;
}
inline std::partial_ordering order(std::uint64_t a, decimal b) {
  return to_decimal(a).units <=> b.units;
}
inline std::partial_ordering order(double a, decimal b) {
  return a <=> to_double(b);
}

/// Truncates; both ends of the range are excluded.
inline problem to_int(double x, std::int64_t& out) {
  if (!(x > -0x1p63 && x < 0x1p63))
    return "double out of int's range";
  out = static_cast<std::int64_t>(x);
  return nullptr;
}
inline problem to_uint(double x, std::uint64_t& out) {
  if (!(x >= 0 && x < 0x1p64))
    return "double out of uint's range";
  out = static_cast<std::uint64_t>(x);
  return nullptr;
}
inline problem to_int(std::uint64_t x, std::int64_t& out) {
  out = static_cast<std::int64_t>(x);
  return out < 0 ? "uint out of int's range" : nullptr;
}
inline problem to_uint(std::int64_t x, std::uint64_t& out) {
  out = static_cast<std::uint64_t>(x);
  return x < 0 ? "a negative int is no uint" : nullptr;
}

} // namespace tidemill::cel
