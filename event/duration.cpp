#include "event/time.hpp"
#include "event/value.hpp"

#include <array>
#include <cstddef>
#include <optional>
#include <span>

namespace tidemill {
namespace {

struct unit {
  std::string_view name;
  std::int64_t nanos;
};

// Longer names first where one begins with another.
constexpr std::array units{
    unit{"ms", 1'000'000},
    unit{"us", 1'000},
    unit{"\u00b5s", 1'000}, // micro sign
    unit{"\u03bcs", 1'000}, // Greek mu
    unit{"ns", 1},
    unit{"h", 3'600'000'000'000},
    unit{"m", 60'000'000'000},
    unit{"s", 1'000'000'000},
    unit{"d", 86'400'000'000'000},
    unit{"w", 604'800'000'000'000},
};
constexpr std::size_t cel_units = units.size() - 2; // without days and weeks

constexpr std::array iso_date{unit{"W", 604'800'000'000'000}, unit{"D", 86'400'000'000'000}};
constexpr std::array iso_time{unit{"H", 3'600'000'000'000}, unit{"M", 60'000'000'000},
                              unit{"S", 1'000'000'000}};

// Nanoseconds beyond every limit below; sums of two stay far inside 128 bits.
constexpr int128 too_long = int128{1} << 100;
constexpr std::int64_t config_limit_days = 3'652'500; // 10,000 years

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

// A number as digits: whole part and up to 18 digits of the fraction.
struct quantity {
  int128 whole = 0;
  std::int64_t fraction = 0;
  std::int64_t scale = 1;
  // Nanoseconds, cut below one.
  [[nodiscard]] int128 times(std::int64_t nanos) const noexcept {
    return whole * nanos + int128{fraction} * nanos / scale;
  }
};

std::optional<quantity> take_quantity(std::string_view& text) {
  constexpr int128 whole_limit = int128{1} << 70;
  quantity q;
  bool any = false;
  for (; !text.empty() && is_digit(text.front()); text.remove_prefix(1), any = true)
    if (q.whole < whole_limit)
      q.whole = q.whole * 10 + (text.front() - '0');
  if (!text.empty() && text.front() == '.') {
    text.remove_prefix(1);
    int n = 0;
    for (; !text.empty() && is_digit(text.front()); text.remove_prefix(1), any = true)
      if (n++ < 18) {
        q.fraction = q.fraction * 10 + (text.front() - '0');
        q.scale *= 10;
      }
  }
  return any ? std::optional{q} : std::nullopt;
}

const unit* take_unit(std::string_view& text, std::span<const unit> all) {
  for (const auto& u : all)
    if (text.starts_with(u.name)) {
      text.remove_prefix(u.name.size());
      return &u;
    }
  return nullptr;
}

// `1h30m`: number and unit, repeated. Nothing if the text is none; at most about `too_long`.
std::optional<int128> parse_units(std::string_view text, std::size_t count) {
  if (text == "0")
    return 0;
  if (text.empty())
    return std::nullopt;
  int128 total = 0;
  while (!text.empty()) {
    auto q = take_quantity(text);
    const auto* u = q ? take_unit(text, std::span{units}.first(count)) : nullptr;
    if (u == nullptr)
      return std::nullopt;
    total = total < too_long ? total + q->times(u->nanos) : total;
  }
  return total;
}

// `P1DT12H`, `PT1.5S`, `P2W`: units fall, each at most once.
std::optional<int128> parse_iso(std::string_view text) {
  text.remove_prefix(1); // P
  int128 total = 0;
  bool any = false;
  auto part = [&](std::span<const unit> all) {
    const unit* last = nullptr;
    while (!text.empty() && text.front() != 'T') {
      auto q = take_quantity(text);
      const auto* u = q ? take_unit(text, all) : nullptr;
      if (u == nullptr || (last != nullptr && u <= last))
        return false;
      last = u;
      any = true;
      total = total < too_long ? total + q->times(u->nanos) : total;
    }
    return true;
  };
  if (!part(iso_date))
    return std::nullopt;
  if (!text.empty()) {
    text.remove_prefix(1); // T
    any = false;
    if (!part(iso_time) || !text.empty())
      return std::nullopt;
  }
  return any ? std::optional{total} : std::nullopt;
}

error bad_config(std::string_view text, std::string_view why) {
  return {errc::config_invalid, '"' + std::string{text.substr(0, 60)} + "\" " + std::string{why}};
}

// 1500 at three digits is `1.5`.
void append_fixed(std::string& out, std::uint64_t x, int fraction_digits) {
  std::uint64_t scale = 1;
  for (int i = 0; i < fraction_digits; ++i)
    scale *= 10;
  out += std::to_string(x / scale);
  auto rest = x % scale;
  if (rest == 0)
    return;
  auto tail = std::to_string(rest + scale);
  tail[0] = '.';
  tail.erase(tail.find_last_not_of('0') + 1);
  out += tail;
}

std::uint64_t magnitude(std::int64_t x) noexcept {
  return x < 0 ? ~static_cast<std::uint64_t>(x) + 1 : static_cast<std::uint64_t>(x);
}

} // namespace

result<duration> parse_cel_duration(std::string_view text) {
  auto rest = text;
  bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+'))
    rest.remove_prefix(1);
  auto nanos = parse_units(rest, cel_units);
  if (!nanos)
    return error{errc::event_type, '"' + std::string{text.substr(0, 60)} +
                                       "\" is no duration: expected numbers with units h, m, s, ms, us, ns, "
                                       "such as 1h30m or -1.5s"};
  auto x = negative ? -*nanos : *nanos;
  if (x < std::numeric_limits<std::int64_t>::min() || x > std::numeric_limits<std::int64_t>::max())
    return error{errc::event_type,
                 '"' + std::string{text.substr(0, 60)} + "\" is longer than a duration can be (292 years)"};
  return duration{static_cast<std::int64_t>(x)};
}

std::string format_cel_duration(duration d) {
  std::string out = d.nanos < 0 ? "-" : "";
  append_fixed(out, magnitude(d.nanos), 9);
  return out + 's';
}

result<microseconds> parse_config_duration(std::string_view text) {
  auto nanos = text.starts_with('P') ? parse_iso(text) : parse_units(text, units.size());
  if (!nanos) {
    if (text.starts_with('-') && parse_units(text.substr(1), units.size()))
      return bad_config(text, "is negative: a duration must not be");
    auto rest = text;
    if (auto q = take_quantity(rest); q && rest.empty())
      return bad_config(text, "has no unit: write one of w, d, h, m, s, ms, us behind it, such as \"" +
                                  std::string{text.substr(0, 60)} + "s\"");
    return bad_config(text, "is no duration: expected a number with a unit (w, d, h, m, s, ms, us), such as "
                            "\"90s\", \"1h30m\", \"250ms\" or \"PT1H30M\"");
  }
  constexpr std::int64_t nanos_per_micro = 1000;
  if (*nanos % nanos_per_micro != 0)
    return bad_config(text, "is finer than a microsecond, the unit of event time");
  if (*nanos > int128{config_limit_days} * 86'400'000'000'000)
    return bad_config(text, "is longer than 10,000 years");
  return microseconds{static_cast<std::int64_t>(*nanos / nanos_per_micro)};
}

std::string format_config_duration(microseconds d) {
  constexpr std::uint64_t second = 1'000'000;
  auto left = magnitude(d.count());
  if (left == 0)
    return "0s";
  std::string out = d.count() < 0 ? "-" : "";
  constexpr std::array<std::pair<std::uint64_t, char>, 3> coarse{
      {{86'400 * second, 'd'}, {3'600 * second, 'h'}, {60 * second, 'm'}}};
  for (auto [size, name] : coarse)
    if (left >= size) {
      out += std::to_string(left / size) + name;
      left %= size;
    }
  if (left >= second) {
    append_fixed(out, left, 6);
    out += 's';
  } else if (left >= 1000) {
    append_fixed(out, left, 3);
    out += "ms";
  } else if (left > 0) {
    out += std::to_string(left) + "us";
  }
  return out;
}

} // namespace tidemill
