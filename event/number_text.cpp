#include "event/number_text.hpp"

#include "event/value.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstring>
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

// Up to 16 characters minus '0', eight a word with the first one lowest, zero behind the end: numbers of
// varying length are checked and read without a loop, whose end the processor would mispredict.
struct digit_words {
  std::uint64_t low, high;
  unsigned others; ///< a bit per character that is no digit
};

template <class T>
std::uint64_t load(const char* from) noexcept {
  T x;
  std::memcpy(&x, from, sizeof x);
  return x;
}

// The 1 to 8 bytes of a text. Loads overlap, so that none reaches outside.
std::uint64_t load_short(const char* from, std::size_t n) noexcept {
  if (n == 8)
    return load<std::uint64_t>(from);
  if (n >= 4)
    return load<std::uint32_t>(from) | load<std::uint32_t>(from + n - 4) << 8 * (n - 4);
  auto byte = [&](std::size_t i) { return load<std::uint8_t>(from + i) << 8 * i; };
  return byte(0) | byte(n / 2) | byte(n - 1);
}

// The high bit of each byte that is above 9.
std::uint64_t highs_above_nine(std::uint64_t x) noexcept {
  return (((x & 0x7F7F7F7F7F7F7F7F) + 0x7676767676767676) | x) & 0x8080808080808080;
}

// A bit per byte that is above 9.
unsigned bytes_above_nine(std::uint64_t x) noexcept {
  return static_cast<unsigned>((highs_above_nine(x) >> 7) * 0x0102040810204080 >> 56);
}

// Requires 1 to 16 characters.
digit_words load_digits(std::string_view text) noexcept {
  constexpr std::uint64_t zeros = 0x3030303030303030;
  auto n = text.size();
  auto first = std::min<std::size_t>(n, 8), rest = n - first;
  digit_words out{load_short(text.data(), first) ^ zeros >> 8 * (8 - first), 0, 0};
  if (rest != 0)
    out.high = load_short(text.data() + 8, rest) ^ zeros >> 8 * (8 - rest);
  out.others = bytes_above_nine(out.low) | bytes_above_nine(out.high) << 8;
  return out;
}

// The number that eight digits mean, one a byte, the first one lowest. Pairs, then fours, then all are
// joined.
std::uint64_t join_digits(std::uint64_t x) noexcept {
  x = (x * 10 + (x >> 8)) & 0x00FF00FF00FF00FF;
  x = (x * 100 + (x >> 16)) & 0x0000FFFF0000FFFF;
  return (x * 10'000 + (x >> 32)) & 0xFFFFFFFF;
}

constexpr std::array<std::uint64_t, 9> powers_of_ten{1,       10,        100,        1'000,      10'000,
                                                     100'000, 1'000'000, 10'000'000, 100'000'000};

bool read_magnitude(std::string_view digits, std::uint64_t& out) noexcept {
  auto n = digits.size();
  if (n == 0)
    return false;
  if (n <= 16) {
    auto words = load_digits(digits);
    auto first = std::min<std::size_t>(n, 8), rest = n - first;
    out = join_digits(words.low << 8 * (8 - first)); // zeros in front
    if (rest != 0)
      out = out * powers_of_ten[rest] + join_digits(words.high << 8 * (8 - rest));
    return words.others == 0;
  }
  digits.remove_prefix(std::min(digits.find_first_not_of('0'), n - 1));
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

// Fraction digits of a second that a unit stands for.
int places_of(time_format unit) noexcept {
  switch (unit) {
  case time_format::epoch_ms:
    return 3;
  case time_format::epoch_us:
    return 6;
  case time_format::epoch_ns:
    return 9;
  default:
    return 0;
  }
}

// With a constant divisor the processor doesn't divide.
template <std::int64_t PerSecond>
timestamp from_units(std::int64_t units) noexcept {
  auto seconds = units / PerSecond, rest = units % PerSecond;
  if (rest < 0) {
    --seconds;
    rest += PerSecond;
  }
  return {seconds, static_cast<std::int32_t>(rest * (nanos_per_second / PerSecond))};
}

inline timestamp from_units(std::int64_t units, time_format unit) noexcept {
  switch (unit) {
  case time_format::epoch_ms:
    return from_units<1'000>(units);
  case time_format::epoch_us:
    return from_units<1'000'000>(units);
  case time_format::epoch_ns:
    return from_units<nanos_per_second>(units);
  default:
    return {units, 0};
  }
}

// Exact, rounded down; false if it is beyond any timestamp.
bool scale_to_nanos(std::string_view text, time_format unit, int128& out) noexcept {
  constexpr auto limit = int128{timestamp_max_seconds + 1} * nanos_per_second;
  bool negative = take_sign(text);
  auto parts = split_number(text);
  auto places = 9 - places_of(unit);
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
  if (!text.empty() && text.size() <= 16) {
    auto others = load_digits(text).others;
    auto point = static_cast<std::size_t>(std::countr_zero(others));
    bool plain = text.size() == 1 || text.front() != '0';
    if (others == 0 && plain)
      return number_form::integer;
    if (others != 0 && (others & (others - 1)) == 0 && text[point] == '.' && point != 0 &&
        point + 1 != text.size() && (plain || point == 1))
      return number_form::fraction;
  }
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

bool read_plain_epoch(std::string_view text, time_format unit, timestamp& out) noexcept {
  constexpr std::uint64_t zeros = 0x3030303030303030;
  auto n = text.size();
  if (n < 9 || n > 16 || text.front() == '0')
    return false;
  // The words overlap; what the first one has is taken out of the second, which leaves zeros in front.
  auto first = load<std::uint64_t>(text.data()) ^ zeros;
  auto last = load<std::uint64_t>(text.data() + n - 8) ^ zeros;
  if ((highs_above_nine(first) | highs_above_nine(last)) != 0)
    return false;
  auto shift = 8 * (16 - n);
  auto units = join_digits(first) * powers_of_ten[n - 8] + join_digits(last >> shift << shift);
  out = from_units(static_cast<std::int64_t>(units), unit);
  return out.seconds <= timestamp_max_seconds;
}

bool read_epoch(std::string_view text, time_format unit, timestamp& out) noexcept {
  std::int64_t plain = 0;
  if (text.size() <= 20 && read_int(text, plain)) {
    out = from_units(plain, unit);
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
