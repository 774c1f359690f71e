#include "pipeline/window/calendar.hpp"

#include <array>

namespace tidemill {
namespace {

using std::chrono::days;

constexpr std::array<std::string_view, 5> names{"day", "week", "month", "quarter", "year"};
constexpr std::int64_t monday = 3; // 1970-01-01 was a Thursday: three days after one
constexpr std::int64_t seconds_per_day = 86'400;

std::int64_t floor_div(std::int64_t a, std::int64_t b) noexcept {
  return a / b - (a % b < 0);
}

std::int64_t months_in(calendar_unit u) noexcept {
  return u == calendar_unit::year ? 12 : u == calendar_unit::quarter ? 3 : 1;
}

/// The unit that a day, counted from 1970-01-01, lies in.
std::int64_t unit_of_day(calendar_unit u, std::int64_t day) noexcept {
  if (u == calendar_unit::day)
    return day;
  if (u == calendar_unit::week)
    return floor_div(day + monday, 7);
  auto date = to_civil(day * seconds_per_day);
  return floor_div((date.year - 1970) * 12 + date.month - 1, months_in(u));
}

std::int64_t first_day_of(calendar_unit u, std::int64_t unit) noexcept {
  if (u == calendar_unit::day)
    return unit;
  if (u == calendar_unit::week)
    return unit * 7 - monday;
  auto months = unit * months_in(u);
  auto year = floor_div(months, 12);
  auto first =
      from_civil(static_cast<std::int32_t>(1970 + year), static_cast<unsigned>(months - year * 12 + 1), 1);
  return floor_div(first, seconds_per_day);
}

} // namespace

std::string_view to_string(calendar_unit u) noexcept {
  return names[static_cast<std::size_t>(u)];
}

std::optional<calendar_unit> find_calendar_unit(std::string_view name) noexcept {
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i] == name)
      return static_cast<calendar_unit>(i);
  return std::nullopt;
}

microseconds usual_length(calendar_unit u) noexcept {
  constexpr std::array lengths{1, 7, 30, 91, 365};
  return days{lengths[static_cast<std::size_t>(u)]};
}

std::int64_t calendar::unit_of(event_time t) const noexcept {
  auto local = t - shift_;
  if (zone_)
    local += std::chrono::seconds{
        zone_->offset_at(std::chrono::floor<std::chrono::seconds>(t).time_since_epoch().count())};
  auto unit = unit_of_day(unit_, std::chrono::floor<days>(local).time_since_epoch().count());
  // Near a change of the clocks the date isn't enough: it may come twice.
  while (zone_ && t < start_of(unit))
    --unit;
  while (zone_ && t >= start_of(unit + 1))
    ++unit;
  return unit;
}

event_time calendar::start_of(std::int64_t unit) const noexcept {
  auto local = event_time{days{first_day_of(unit_, unit)}} + shift_;
  if (!zone_)
    return local;
  auto whole = std::chrono::floor<std::chrono::seconds>(local);
  return event_time{std::chrono::seconds{zone_->first_instant(whole.time_since_epoch().count())}} +
         (local - whole);
}

} // namespace tidemill
