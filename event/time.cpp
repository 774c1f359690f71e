#include "event/time.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace tidemill {
namespace {

constexpr std::int64_t day_seconds = 86'400;
constexpr std::int64_t micros_per_second = 1'000'000;
constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";

constexpr bool is_leap(std::int64_t year) noexcept {
  return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

constexpr unsigned days_in(std::int64_t year, unsigned month) noexcept {
  constexpr std::array<std::uint8_t, 12> days{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

// Days since 1970-01-01 in the proleptic Gregorian calendar. Years start in March, so that the leap day is
// the last of its year: H. Hinnant, "chrono-compatible low-level date algorithms".
constexpr std::int64_t days_from_civil(std::int64_t year, unsigned month, unsigned day) noexcept {
  year -= month <= 2 ? 1 : 0;
  auto era = (year >= 0 ? year : year - 399) / 400;
  auto of_era = year - era * 400;
  auto of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  auto day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
  return era * 146'097 + day_of_era - 719'468;
}

constexpr std::int64_t floor_div(std::int64_t a, std::int64_t b) noexcept {
  return a / b - (a % b < 0 ? 1 : 0);
}

// Reads exactly `n` digits at `p`; -1 if one of them is none.
int digits(const char* p, int n) noexcept {
  int x = 0;
  for (int i = 0; i < n; ++i) {
    auto d = static_cast<unsigned>(p[i] - '0');
    if (d > 9)
      return -1;
    x = x * 10 + static_cast<int>(d);
  }
  return x;
}

void put(char*& p, unsigned x, int n) noexcept {
  for (int i = n - 1; i >= 0; --i, x /= 10)
    p[i] = static_cast<char>('0' + x % 10);
  p += n;
}

std::string shown(std::string_view text) {
  constexpr std::size_t limit = 60;
  return '"' + std::string{text.substr(0, limit)} + (text.size() > limit ? "…\"" : "\"");
}

error bad_time(std::string_view text, std::string_view why) {
  return {errc::event_type, shown(text) + " is no time: " + std::string{why}};
}

struct clock_fields {
  int hour, minute, second;
  [[nodiscard]] bool real() const noexcept {
    return hour >= 0 && hour < 24 && minute >= 0 && minute < 60 && second >= 0 && second < 60;
  }
  [[nodiscard]] std::int64_t seconds() const noexcept { return hour * 3600 + minute * 60 + second; }
};

bool in_range(std::int64_t seconds) noexcept {
  return seconds >= timestamp_min_seconds && seconds <= timestamp_max_seconds;
}

} // namespace

timestamp to_timestamp(event_time t) noexcept {
  auto micros = t.time_since_epoch().count();
  auto seconds = floor_div(micros, micros_per_second);
  if (seconds < timestamp_min_seconds)
    return {timestamp_min_seconds, 0};
  if (seconds > timestamp_max_seconds)
    return {timestamp_max_seconds, 999'999'999};
  return {seconds, static_cast<std::int32_t>((micros - seconds * micros_per_second) * 1000)};
}

namespace {

struct civil_date {
  std::int64_t year;
  unsigned month, day;
};

civil_date date_of(std::int64_t days) noexcept {
  auto z = days + 719'468;
  auto era = floor_div(z, 146'097);
  auto day_of_era = static_cast<unsigned>(z - era * 146'097);
  auto of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  auto of_year = day_of_era - (365 * of_era + of_era / 4 - of_era / 100);
  auto shifted = (5 * of_year + 2) / 153;
  auto day = of_year - (153 * shifted + 2) / 5 + 1;
  auto month = shifted < 10 ? shifted + 3 : shifted - 9;
  return {era * 400 + of_era + (month <= 2 ? 1 : 0), month, day};
}

} // namespace

civil_time to_civil(std::int64_t seconds) noexcept {
  // The years that fit an int32.
  seconds = std::clamp(seconds, std::int64_t{-67'768'040'609'740'800}, std::int64_t{67'768'036'191'676'799});
  auto days = floor_div(seconds, day_seconds);
  auto left = static_cast<unsigned>(seconds - days * day_seconds);
  auto [year, month, day] = date_of(days);
  auto weekday = days + 4 - floor_div(days + 4, 7) * 7; // 1970-01-01 was a Thursday
  auto year_day = days - days_from_civil(year, 1, 1);
  return {.year = static_cast<std::int32_t>(year),
          .month = static_cast<std::uint8_t>(month),
          .day = static_cast<std::uint8_t>(day),
          .hour = static_cast<std::uint8_t>(left / 3600),
          .minute = static_cast<std::uint8_t>(left / 60 % 60),
          .second = static_cast<std::uint8_t>(left % 60),
          .weekday = static_cast<std::uint8_t>(weekday),
          .year_day = static_cast<std::uint16_t>(year_day)};
}

std::int64_t from_civil(std::int32_t year, unsigned month, unsigned day, unsigned hour, unsigned minute,
                        unsigned second) noexcept {
  return days_from_civil(year, month, day) * day_seconds + hour * 3600 + minute * 60 + second;
}

result<timestamp> parse_rfc3339(std::string_view text) {
  // 2015-05-17T10:05:03 and at least a Z
  if (text.size() < 20)
    return bad_time(text, "expected one like 2015-05-17T10:05:03Z");
  const char* p = text.data();
  const char* end = p + text.size();
  if (p[4] != '-' || p[7] != '-' || p[10] != 'T' || p[13] != ':' || p[16] != ':')
    return bad_time(text, "expected one like 2015-05-17T10:05:03Z");
  auto year = digits(p, 4), month = digits(p + 5, 2), day = digits(p + 8, 2);
  clock_fields clock{digits(p + 11, 2), digits(p + 14, 2), digits(p + 17, 2)};
  if (year < 0 || month < 1 || month > 12 || day < 1 || !clock.real() ||
      static_cast<unsigned>(day) > days_in(year, static_cast<unsigned>(month)))
    return bad_time(text, "no such date or time of day");
  timestamp t{days_from_civil(year, static_cast<unsigned>(month), static_cast<unsigned>(day)) * day_seconds +
                  clock.seconds(),
              0};
  p += 19;
  if (*p == '.') {
    int n = 0;
    for (++p; p != end && *p >= '0' && *p <= '9'; ++p, ++n)
      if (n < 9)
        t.nanos = t.nanos * 10 + (*p - '0');
    if (n == 0)
      return bad_time(text, "a digit must follow the point");
    for (; n < 9; ++n)
      t.nanos *= 10;
  }
  if (end - p == 1 && *p == 'Z') {
    // UTC
  } else if (end - p == 6 && (*p == '+' || *p == '-') && p[3] == ':') {
    clock_fields shift{digits(p + 1, 2), digits(p + 4, 2), 0};
    if (!shift.real())
      return bad_time(text, "no such offset from UTC");
    t.seconds -= *p == '+' ? shift.seconds() : -shift.seconds();
  } else {
    return bad_time(text, "expected Z or an offset such as +02:00 at its end");
  }
  if (!in_range(t.seconds))
    return bad_time(text, "outside the years 0001 … 9999");
  return t;
}

std::string format_rfc3339(timestamp t) {
  auto seconds = std::clamp(t.seconds, timestamp_min_seconds, timestamp_max_seconds);
  auto days = floor_div(seconds, day_seconds);
  auto left = static_cast<unsigned>(seconds - days * day_seconds);
  auto date = date_of(days);
  char text[32];
  char* p = text;
  put(p, static_cast<unsigned>(date.year), 4);
  *p++ = '-';
  put(p, date.month, 2);
  *p++ = '-';
  put(p, date.day, 2);
  *p++ = 'T';
  put(p, left / 3600, 2);
  *p++ = ':';
  put(p, left / 60 % 60, 2);
  *p++ = ':';
  put(p, left % 60, 2);
  if (t.nanos != 0) {
    *p++ = '.';
    put(p, static_cast<unsigned>(t.nanos), 9);
    while (p[-1] == '0')
      --p;
  }
  *p++ = 'Z';
  return {text, static_cast<std::size_t>(p - text)};
}

std::string format_rfc3339(event_time t) {
  if (t <= time_min)
    return "-infinity";
  if (t >= time_max)
    return "infinity";
  return format_rfc3339(to_timestamp(t));
}

result<timestamp> parse_apache_time(std::string_view text) {
  constexpr std::string_view form = "expected one like 17/May/2015:10:05:03 +0000";
  if (text.size() != 26)
    return bad_time(text, form);
  const char* p = text.data();
  if (p[2] != '/' || p[6] != '/' || p[11] != ':' || p[14] != ':' || p[17] != ':' || p[20] != ' ' ||
      (p[21] != '+' && p[21] != '-'))
    return bad_time(text, form);
  auto name = months.find(text.substr(3, 3));
  if (name == months.npos || name % 3 != 0)
    return bad_time(text, "no such month");
  auto month = static_cast<unsigned>(name / 3 + 1);
  auto day = digits(p, 2), year = digits(p + 7, 4);
  clock_fields clock{digits(p + 12, 2), digits(p + 15, 2), digits(p + 18, 2)};
  clock_fields shift{digits(p + 22, 2), digits(p + 24, 2), 0};
  if (year < 0 || day < 1 || static_cast<unsigned>(day) > days_in(year, month) || !clock.real() ||
      !shift.real())
    return bad_time(text, "no such date or time of day");
  auto seconds = days_from_civil(year, month, static_cast<unsigned>(day)) * day_seconds + clock.seconds();
  seconds -= p[21] == '+' ? shift.seconds() : -shift.seconds();
  if (!in_range(seconds))
    return bad_time(text, "outside the years 0001 … 9999");
  return timestamp{seconds, 0};
}

} // namespace tidemill
