#include "event/value.hpp"

#include <algorithm>
#include <charconv>

namespace tidemill {
namespace {

constexpr int fraction_digits = 9;
constexpr int max_digits = 38;

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

error bad(std::string_view text, std::string_view why) {
  return {errc::event_type, '"' + std::string{text.substr(0, 60)} + "\" " + std::string{why}};
}

} // namespace

std::string to_string(decimal d) {
  __extension__ using uint128 = unsigned __int128;
  auto left = d.units < 0 ? ~static_cast<uint128>(d.units) + 1 : static_cast<uint128>(d.units);
  char text[48];
  char* end = text + sizeof text;
  char* p = end;
  int written = 0;
  bool trailing = true; // zeros at the end of the fraction are not written
  for (; left != 0 || written <= fraction_digits; ++written) {
    if (written == fraction_digits) {
      if (!trailing)
        *--p = '.';
      trailing = false;
    }
    auto digit = static_cast<char>(left % 10);
    left /= 10;
    if (digit != 0)
      trailing = false;
    if (!trailing)
      *--p = static_cast<char>('0' + digit);
  }
  if (d.units < 0)
    *--p = '-';
  return {p, end};
}

result<decimal> parse_decimal(std::string_view text) {
  auto rest = text;
  bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+'))
    rest.remove_prefix(1);
  std::string digits; // without leading zeros, the point left out
  long exponent = fraction_digits;
  bool any = false, point = false;
  for (; !rest.empty(); rest.remove_prefix(1)) {
    auto c = rest.front();
    if (c == '.' && !point) {
      point = true;
    } else if (is_digit(c)) {
      any = true;
      exponent -= point ? 1 : 0;
      if (c != '0' || !digits.empty())
        digits += c;
    } else {
      break;
    }
  }
  if (any && !rest.empty() && (rest.front() == 'e' || rest.front() == 'E')) {
    rest.remove_prefix(1);
    if (rest.starts_with('+') && !rest.starts_with("+-"))
      rest.remove_prefix(1);
    constexpr int beyond = 100'000'000; // any exponent that is out of the question
    int e = 0;
    auto [end, code] = std::from_chars(rest.data(), rest.data() + rest.size(), e);
    if (code == std::errc::invalid_argument)
      return bad(text, "is no decimal number");
    if (code == std::errc::result_out_of_range)
      e = rest.front() == '-' ? -beyond : beyond;
    exponent += std::clamp(e, -beyond, beyond);
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  }
  if (!any || !rest.empty())
    return bad(text, "is no decimal number");
  auto kept = digits.find_last_not_of('0') + 1; // 0 of an empty text
  exponent += static_cast<long>(digits.size() - kept);
  digits.resize(kept);
  if (digits.empty())
    return decimal{};
  if (exponent < 0)
    return bad(text, "has more than 9 digits after the point");
  if (static_cast<long>(digits.size()) + exponent > max_digits)
    return bad(text, "is too large for a decimal (29 digits before the point)");
  digits.append(static_cast<std::size_t>(exponent), '0');
  int128 units = 0;
  for (auto c : digits)
    units = units * 10 + (c - '0');
  return decimal{negative ? -units : units};
}

} // namespace tidemill
