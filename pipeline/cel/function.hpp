#pragma once

#include "pipeline/cel/term.hpp"

#include <cstdint>
#include <string_view>
#include <vector>

namespace tidemill::cel {

/// What can be called. Overloads share a number: at run time the kinds of the arguments decide.
enum class fn : std::uint8_t {
  // clang-format off
  add, sub, mul, div, mod, neg, not_, eq, ne, lt, le, gt, ge, in, index, opt_index,
  size, contains, starts_with, ends_with, matches, char_at, index_of, last_index_of, substring, replace, split,
  join, trim, lower_ascii, upper_ascii, reverse, format, quote,
  to_int, to_uint, to_double, to_decimal, to_string, to_bool, to_bytes, to_timestamp, timestamp_millis,
  to_duration, type_of, dyn,
  full_year, month, date, day_of_month, day_of_year, day_of_week, hours, minutes, seconds, milliseconds,
  optional_of, optional_none, optional_of_non_zero, has_value, value_of, or_, or_value,
  greatest, least, abs, ceil, floor, round, trunc, sign, is_nan, is_inf, is_finite, bit_and, bit_or, bit_xor,
  bit_not, shift_left, shift_right, sqrt, ratio,
  base64_encode, base64_decode,
  to_ip, to_cidr, is_ip, is_cidr, family, is_unspecified, is_loopback, is_link_local_multicast,
  is_link_local_unicast, is_global_unicast, contains_ip, contains_cidr, ip_of, masked, prefix_length,
  // clang-format on
};

/// One way to call a function.
struct overload {
  std::vector<term> params; ///< of a method, the target first
  term result;
};

/// A function (`size`), a method (`.size`) or an operator (`_+_`) with all its overloads.
struct function {
  fn id;
  std::string_view name;
  std::vector<overload> overloads;
};

/// All functions, sorted by name.
[[nodiscard]] const std::vector<function>& functions();
/// The function of that name; a method's begins with a dot. Null if there is none.
[[nodiscard]] const function* find_function(std::string_view name);

} // namespace tidemill::cel
