#include "pipeline/cel/checked.hpp"

#include <charconv>
#include <string>

namespace tidemill::cel {
namespace {

__extension__ using uint128 = unsigned __int128;

int128 power_of_ten(int n) {
  int128 x = 1;
  for (; n > 0; --n)
    x *= 10;
  return x;
}
const int128 decimal_limit = power_of_ten(38);

problem checked(bool overflow, int128 units, decimal& out) {
  if (overflow || units <= -decimal_limit || units >= decimal_limit)
    return decimal_overflow;
  out.units = units;
  return nullptr;
}

uint128 magnitude(int128 x) {
  return x < 0 ? -static_cast<uint128>(x) : static_cast<uint128>(x);
}

/// A quotient and what is left over, both of a fixed divisor.
struct division {
  uint128 quotient, rest;
};

/// The sum of two divisions by `by`; both rests are below it, and it is below 2^127.
division plus(division a, division b, uint128 by) {
  division out{a.quotient + b.quotient, a.rest + b.rest};
  if (out.rest >= by) {
    out.rest -= by;
    ++out.quotient;
  }
  return out;
}

} // namespace

problem add(decimal a, decimal b, decimal& out) {
  int128 units = 0; // two of nearly 10^38 are more than 128 bits hold
  bool overflow = __builtin_add_overflow(a.units, b.units, &units);
  return checked(overflow, units, out);
}

problem sub(decimal a, decimal b, decimal& out) {
  int128 units = 0;
  bool overflow = __builtin_sub_overflow(a.units, b.units, &units);
  return checked(overflow, units, out);
}

problem mul(decimal a, decimal b, decimal& out) {
  // Schoolbook with "digits" of 10^9, as the full product has up to 76 decimal digits.
  constexpr uint128 one = decimal_one;
  auto x = magnitude(a.units), y = magnitude(b.units);
  auto xh = x / one, xl = x % one, yh = y / one, yl = y % one;
  uint128 high = 0, sum = 0;
  bool overflow = __builtin_mul_overflow(xh, yh, &high);
  overflow |= __builtin_mul_overflow(high, one, &high);
  overflow |= __builtin_add_overflow(xh * yl, xl * yh, &sum);
  overflow |= __builtin_add_overflow(sum, (xl * yl + one / 2) / one, &sum);
  overflow |= __builtin_add_overflow(sum, high, &sum);
  if (overflow || sum >= static_cast<uint128>(decimal_limit))
    return decimal_overflow;
  auto units = static_cast<int128>(sum);
  return checked(false, (a.units < 0) != (b.units < 0) ? -units : units, out);
}

problem div(decimal a, decimal b, decimal& out) {
  if (b.units == 0)
    return division_by_zero;
  // Long division: nine more decimal digits, each rest times ten without leaving 128 bits.
  auto x = magnitude(a.units), by = magnitude(b.units);
  division d{x / by, x % by};
  for (int digit = 0; digit < 9; ++digit) {
    if (d.quotient >= static_cast<uint128>(decimal_limit) / 10)
      return decimal_overflow;
    division rest{0, d.rest};
    auto twice = plus(rest, rest, by);
    auto eight = plus(plus(twice, twice, by), plus(twice, twice, by), by);
    auto ten = plus(eight, twice, by);
    d = {d.quotient * 10 + ten.quotient, ten.rest};
  }
  if (d.rest >= by - d.rest)
    ++d.quotient;
  auto units = static_cast<int128>(d.quotient);
  return checked(false, (a.units < 0) != (b.units < 0) ? -units : units, out);
}

problem to_decimal(double x, decimal& out) {
  if (!(x > -1e29 && x < 1e29))
    return "double out of decimal's range";
  // The whole part is exact; the fraction times 10^9 is below 2^53.
  auto whole = std::trunc(x);
  auto units = static_cast<int128>(whole) * decimal_one +
               static_cast<int128>(std::round((x - whole) * static_cast<double>(decimal_one)));
  return checked(false, units, out);
}

double to_double(decimal d) {
  constexpr int128 exact = int128{1} << 53;
  if (d.units <= exact && d.units >= -exact)
    return static_cast<double>(d.units) / static_cast<double>(decimal_one);
  auto text = to_string(d);
  double out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

problem add(timestamp a, duration b, timestamp& out) {
  constexpr std::int64_t second = 1'000'000'000;
  auto seconds = a.seconds + b.nanos / second;
  auto nanos = a.nanos + b.nanos % second;
  if (nanos < 0) {
    nanos += second;
    --seconds;
  } else if (nanos >= second) {
    nanos -= second;
    ++seconds;
  }
  if (seconds < timestamp_min_seconds || seconds > timestamp_max_seconds)
    return timestamp_overflow;
  out = {seconds, static_cast<std::int32_t>(nanos)};
  return nullptr;
}

problem sub(timestamp a, duration b, timestamp& out) {
  if (b.nanos != std::numeric_limits<std::int64_t>::min())
    return add(a, duration{-b.nanos}, out);
  if (auto why = add(a, duration{std::numeric_limits<std::int64_t>::max()}, out))
    return why;
  return add(out, duration{1}, out);
}

problem sub(timestamp a, timestamp b, duration& out) {
  auto nanos = int128{a.seconds - b.seconds} * 1'000'000'000 + (a.nanos - b.nanos);
  if (nanos > std::numeric_limits<std::int64_t>::max() || nanos < std::numeric_limits<std::int64_t>::min())
    return duration_overflow;
  out.nanos = static_cast<std::int64_t>(nanos);
  return nullptr;
}

} // namespace tidemill::cel
