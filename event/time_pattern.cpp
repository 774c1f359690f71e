#include "event/time_pattern.hpp"

#include "event/cell.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>

namespace tidemill {
namespace {

constexpr std::array<std::string_view, 12> months{"january",   "february", "march",    "april",
                                                  "may",       "june",     "july",     "august",
                                                  "september", "october",  "november", "december"};
constexpr std::array<std::string_view, 7> weekdays{"monday", "tuesday",  "wednesday", "thursday",
                                                   "friday", "saturday", "sunday"};
constexpr std::string_view single = "YymdeHIMSbBjfpzaA%";

std::string_view expanded(char letter) {
  switch (letter) {
  case 'F':
    return "%Y-%m-%d";
  case 'T':
    return "%H:%M:%S";
  case 'R':
    return "%H:%M";
  case 'D':
    return "%m/%d/%y";
  default:
    return {};
  }
}

/// Letters that say the same thing, by one of them.
char meaning(char letter) {
  switch (letter) {
  case 'y':
    return 'Y';
  case 'b':
  case 'B':
    return 'm';
  case 'e':
    return 'd';
  case 'I':
    return 'H';
  case 'A':
    return 'a';
  default:
    return letter;
  }
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// What has been read of a text so far, and what is left.
struct reading {
  std::string_view rest;
  int year = 1970, month = 1, day = 1, year_day = 0, hour = 0, minute = 0, second = 0, nanos = 0, shift = 0;
  std::optional<bool> afternoon = {};

  bool digits(std::size_t least, std::size_t most, int& out) {
    std::size_t n = 0;
    int x = 0;
    for (; n < most && n < rest.size() && is_digit(rest[n]); ++n)
      x = x * 10 + (rest[n] - '0');
    if (n < least)
      return false;
    rest.remove_prefix(n);
    out = x;
    return true;
  }

  bool number(int low, int high, int& out) {
    return digits(1, high > 99 ? 3 : 2, out) && out >= low && out <= high;
  }

  bool fraction() {
    if (rest.empty() || !is_digit(rest.front()))
      return false;
    int n = 0;
    for (nanos = 0; !rest.empty() && is_digit(rest.front()); rest.remove_prefix(1), ++n)
      if (n < 9)
        nanos = nanos * 10 + (rest.front() - '0');
    for (; n < 9; ++n)
      nanos *= 10;
    return true;
  }

  bool word(std::string_view name) {
    if (rest.size() < name.size() ||
        !std::equal(name.begin(), name.end(), rest.begin(), [](char a, char b) { return a == lower(b); }))
      return false;
    rest.remove_prefix(name.size());
    return true;
  }

  template <std::size_t N>
  bool name(const std::array<std::string_view, N>& names, int& out) {
    for (std::size_t i = 0; i < N; ++i)
      if (word(names[i]) || word(names[i].substr(0, 3))) {
        out = static_cast<int>(i) + 1;
        return true;
      }
    return false;
  }

  bool zone() {
    if (word("z"))
      return true;
    if (rest.empty() || (rest.front() != '+' && rest.front() != '-'))
      return false;
    bool behind = rest.front() == '-';
    rest.remove_prefix(1);
    int hours = 0, minutes = 0;
    if (!digits(2, 2, hours) || hours > 23)
      return false;
    bool colon = rest.starts_with(':');
    rest.remove_prefix(colon ? 1 : 0);
    if ((colon || (!rest.empty() && is_digit(rest.front()))) && (!digits(2, 2, minutes) || minutes > 59))
      return false;
    shift = (hours * 60 + minutes) * (behind ? -60 : 60);
    return true;
  }

  bool itself(char c) {
    if (rest.empty() || rest.front() != c)
      return false;
    do
      rest.remove_prefix(1);
    while (c == ' ' && rest.starts_with(' '));
    return true;
  }

  bool half_of_day() {
    afternoon = word("pm");
    return *afternoon || word("am");
  }

  bool directive(char letter) {
    int unused = 0;
    switch (letter) {
    case 'Y':
      return digits(4, 4, year);
    case 'y':
      if (!digits(2, 2, year))
        return false;
      year += year < 69 ? 2000 : 1900;
      return true;
    case 'm':
      return number(1, 12, month);
    case 'b':
    case 'B':
      return name(months, month);
    case 'e':
      while (rest.starts_with(' '))
        rest.remove_prefix(1);
      return number(1, 31, day);
    case 'd':
      return number(1, 31, day);
    case 'j':
      return number(1, 366, year_day);
    case 'H':
      return number(0, 23, hour);
    case 'I':
      return number(1, 12, hour);
    case 'M':
      return number(0, 59, minute);
    case 'S':
      return number(0, 59, second);
    case 'f':
      return fraction();
    case 'p':
      return half_of_day();
    case 'z':
      return zone();
    case 'a':
    case 'A':
      return name(weekdays, unused);
    default:
      return itself('%');
    }
  }

  /// The instant, if there is such a date.
  [[nodiscard]] std::optional<timestamp> instant() const {
    auto first = std::chrono::year{year};
    auto date = std::chrono::year_month_day{first, std::chrono::month{static_cast<unsigned>(month)},
                                            std::chrono::day{static_cast<unsigned>(day)}};
    if (!date.ok() || (year_day == 366 && !first.is_leap()))
      return std::nullopt;
    auto days = std::chrono::sys_days{date} + std::chrono::days{year_day > 0 ? year_day - 1 : 0};
    auto h = afternoon ? hour % 12 + (*afternoon ? 12 : 0) : hour;
    auto seconds =
        std::int64_t{days.time_since_epoch().count()} * 86'400 + h * 3600 + minute * 60 + second - shift;
    if (seconds < timestamp_min_seconds || seconds > timestamp_max_seconds)
      return std::nullopt;
    return timestamp{seconds, nanos};
  }
};

error invalid(std::string_view text, const std::string& why) {
  return {errc::config_invalid, "time format " + excerpt(text) + ": " + why};
}

} // namespace

result<time_pattern> time_pattern::compile(std::string_view text) {
  time_pattern made;
  made.text_ = text;
  std::string all;
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto whole = text[i] == '%' && i + 1 < text.size() ? expanded(text[i + 1]) : std::string_view{};
    all += whole.empty() ? text.substr(i, 1) : whole;
    if (text[i] == '%' && i + 1 < text.size()) {
      if (whole.empty())
        all += text[i + 1];
      ++i;
    }
  }
  std::string seen;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i] != '%') {
      if (all[i] != ' ' || made.parts_.empty() || made.parts_.back() != ' ')
        made.parts_.insert(made.parts_.end(), {'\0', all[i]});
      continue;
    }
    auto letter = ++i < all.size() ? all[i] : '\0';
    if (letter == '\0' || single.find(letter) == single.npos)
      return invalid(text, letter == '\0'
                               ? "a letter must follow the last %"
                               : "there is no %" + std::string{letter} + ", known are %Y %y %m %b %d %j " +
                                     "%H %I %p %M %S %f %z %a %F %T %R %D %%");
    auto says = meaning(letter);
    if (letter != '%' && seen.find(says) != seen.npos)
      return invalid(text, "%" + std::string{letter} + " says again what was said before");
    seen += says;
    made.parts_.push_back(letter);
  }
  auto has = [&](char letter) { return seen.find(letter) != seen.npos; };
  if (!has('Y') || has('j') == (has('m') && has('d')) || (has('j') && (has('m') || has('d'))))
    return invalid(text, "it must tell a date: %Y or %y, with %m and %d, or with %j");
  if ((std::ranges::find(made.parts_, 'I') != made.parts_.end()) != has('p'))
    return invalid(text, "%I and %p go together; hours from 0 to 23 are %H");
  return made;
}

result<timestamp> time_pattern::parse(std::string_view text) const {
  reading r{text};
  auto sound = true;
  for (auto part = parts_.begin(); sound && part != parts_.end(); ++part)
    sound = *part == '\0' ? r.itself(*++part) : r.directive(*part);
  auto t = sound && r.rest.empty() ? r.instant() : std::nullopt;
  if (!t)
    return error{errc::event_type, excerpt(text) + " is no time of the form " + text_};
  return *t;
}

} // namespace tidemill
