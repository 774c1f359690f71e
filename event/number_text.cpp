#include "event/number_text.hpp"

#include "event/value.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

namespace tidemill {
namespace {

constexpr bool is_digit(char c) noexcept {
  return static_cast<unsigned char>(c - '0') < 10;
}

std::size_t take_digits(std::string_view& text) noexcept {
  std::size_t n = 0;
  while (n < text.size() && is_digit(text[n]))
    ++n;
  text.remove_prefix(n);
  return n;
}

// Behind the integer part: `.5e-3`.
number_form rest_of_number(std::string_view rest, bool digits_after_point) noexcept {
  auto form = number_form::integer;
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    form = number_form::fraction;
    if (take_digits(rest) == 0 && digits_after_point)
      return number_form::none;
  }
  if (rest.starts_with('e') || rest.starts_with('E')) {
    rest.remove_prefix(1);
    form = number_form::fraction;
    if (rest.starts_with('+') || rest.starts_with('-'))
      rest.remove_prefix(1);
    if (take_digits(rest) == 0)
      return number_form::none;
  }
  return rest.empty() ? form : number_form::none;
}

// Digits only, at most 19 of them: no overflow of 64 bits.
bool accumulate(std::string_view digits, std::uint64_t& out) noexcept {
  std::uint64_t x = 0;
  for (auto c : digits) {
    if (!is_digit(c))
      return false;
    x = x * 10 + static_cast<std::uint64_t>(c - '0');
  }
  out = x;
  return true;
}

bool read_magnitude(std::string_view digits, std::uint64_t& out) noexcept {
  if (digits.empty())
    return false;
  if (digits.size() <= 19)
    return accumulate(digits, out);
  digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size() - 1));
  if (digits.size() > 20)
    return false;
  auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
  return code == std::errc{} && end == digits.data() + digits.size();
}

bool take_sign(std::string_view& text) noexcept {
  bool negative = text.starts_with('-');
  if (negative || text.starts_with('+'))
    text.remove_prefix(1);
  return negative;
}

// A number as digits and the place of its point among them, which may lie outside.
struct number_parts {
  std::string_view whole, fraction;
  std::int64_t exponent = 0;
};

number_parts split_number(std::string_view unsigned_text) noexcept {
  constexpr std::int64_t beyond = 1'000'000; // no exponent past it can matter
  number_parts parts;
  if (auto e = unsigned_text.find_first_of("eE"); e != std::string_view::npos) {
    auto digits = unsigned_text.substr(e + 1);
    bool negative = take_sign(digits);
    std::uint64_t x = 0;
    if (!read_magnitude(digits, x) || x > beyond)
      x = beyond;
    parts.exponent = negative ? -static_cast<std::int64_t>(x) : static_cast<std::int64_t>(x);
    unsigned_text = unsigned_text.substr(0, e);
  }
  auto point = unsigned_text.find('.');
  parts.whole = unsigned_text.substr(0, point);
  if (point != std::string_view::npos)
    parts.fraction = unsigned_text.substr(point + 1);
  return parts;
}

// Whether a number that no double can hold is too small, not too large.
bool underflows(std::string_view unsigned_text) noexcept {
  auto parts = split_number(unsigned_text);
  auto first = parts.whole.find_first_not_of('0');
  auto magnitude = static_cast<std::int64_t>(parts.whole.size() - std::min(first, parts.whole.size()));
  if (magnitude == 0)
    magnitude =
        -static_cast<std::int64_t>(std::min(parts.fraction.find_first_not_of('0'), parts.fraction.size()));
  return magnitude + parts.exponent < 0;
}

constexpr std::int64_t nanos_per_second = 1'000'000'000;

std::int64_t units_per_second(time_format unit) noexcept {
  return unit == time_format::epoch_us ? 1'000'000 : unit == time_format::epoch_ms ? 1'000 : 1;
}

// Exact, rounded down; false if it is beyond any timestamp.
bool scale_to_nanos(std::string_view text, time_format unit, int128& out) noexcept {
  constexpr auto limit = int128{timestamp_max_seconds + 1} * nanos_per_second;
  bool negative = take_sign(text);
  auto parts = split_number(text);
  auto places = unit == time_format::epoch_us ? 3 : unit == time_format::epoch_ms ? 6 : 9;
  auto left =
      static_cast<std::int64_t>(parts.whole.size()) + parts.exponent + places; // digits before the cut
  int128 nanos = 0;
  bool cut = false;
  for (auto digits : {parts.whole, parts.fraction})
    for (auto c : digits) {
      if (left-- > 0)
        nanos = nanos * 10 + (c - '0');
      else
        cut = cut || c != '0';
      if (nanos > limit)
        return false;
    }
  for (; left > 0 && nanos != 0; --left)
    if (nanos *= 10; nanos > limit)
      return false;
  out = negative ? -nanos - (cut ? 1 : 0) : nanos;
  return true;
}

} // namespace

number_form json_number(std::string_view text) noexcept {
  if (text.starts_with('-'))
    text.remove_prefix(1);
  bool zero = text.starts_with('0');
  auto digits = take_digits(text);
  if (digits == 0 || (zero && digits > 1))
    return number_form::none;
  return rest_of_number(text, true);
}

number_form text_number(std::string_view text) noexcept {
  take_sign(text);
  auto digits = take_digits(text);
  if (digits == 0 && !text.starts_with('.'))
    return number_form::none;
  return rest_of_number(text, digits == 0);
}

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool read_int(std::string_view text, std::int64_t& out) noexcept {
  bool negative = take_sign(text);
  std::uint64_t x = 0;
  constexpr auto largest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (!read_magnitude(text, x) || x > largest + (negative ? 1 : 0))
    return false;
  out = static_cast<std::int64_t>(negative ? ~x + 1 : x);
  return true;
}

bool read_uint(std::string_view text, std::uint64_t& out) noexcept {
  bool negative = take_sign(text);
  return read_magnitude(text, out) && !(negative && out != 0);
}

bool read_double(std::string_view text, double& out) noexcept {
  bool negative = take_sign(text);
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (code == std::errc::result_out_of_range) {
    if (!underflows(text))
      return false;
    out = 0;
  }
  if (negative)
    out = -out;
  return true;
}

bool read_epoch(std::string_view text, time_format unit, timestamp& out) noexcept {
  std::int64_t plain = 0;
  if (text.size() <= 18 && read_int(text, plain)) {
    auto per_second = units_per_second(unit);
    auto seconds = plain / per_second, rest = plain % per_second;
    if (rest < 0) {
      --seconds;
      rest += per_second;
    }
    out = {seconds, static_cast<std::int32_t>(rest * (nanos_per_second / per_second))};
  } else {
    int128 nanos = 0;
    if (!scale_to_nanos(text, unit, nanos))
      return false;
    auto seconds = nanos / nanos_per_second, rest = nanos % nanos_per_second;
    if (rest < 0) {
      --seconds;
      rest += nanos_per_second;
    }
    out = {static_cast<std::int64_t>(seconds), static_cast<std::int32_t>(rest)};
  }
  return out.seconds >= timestamp_min_seconds && out.seconds <= timestamp_max_seconds;
}

} // namespace tidemill
