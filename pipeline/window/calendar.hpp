#pragma once

#include "event/time.hpp"
#include "event/time_zone.hpp"

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

namespace tidemill {

enum class calendar_unit : std::uint8_t { day, week, month, quarter, year };
[[nodiscard]] std::string_view to_string(calendar_unit u) noexcept;
/// Nothing: there is no unit of this name.
[[nodiscard]] std::optional<calendar_unit> find_calendar_unit(std::string_view name) noexcept;
/// About how long a unit is: of a month 30 days, of a year 365.
[[nodiscard]] microseconds usual_length(calendar_unit u) noexcept;

/// Days, weeks, months, quarters or years as numbered stretches of time; number 0 is the one that 1970-01-01
/// lies in. Weeks begin on Mondays.
///
/// A unit begins when clocks on the wall show midnight of its first day plus `shift`: with a shift of 6 h a
/// day is from 6 to 6, and a week with one of 6 d begins on Sunday. Where clocks are set forward over that
/// time it begins with the change; where the time comes twice, with its first coming. A day that a place
/// has left out is empty: no instant lies in it.
class calendar {
public:
  /// `zone`: null is UTC.
  explicit calendar(calendar_unit unit, microseconds shift = {}, time_zone_ptr zone = {}) noexcept
      : unit_(unit), shift_(shift), zone_(std::move(zone)) {}

  /// The unit with start_of(it) ≤ t < start_of(it + 1).
  [[nodiscard]] std::int64_t unit_of(event_time t) const noexcept;
  [[nodiscard]] event_time start_of(std::int64_t unit) const noexcept;

private:
  calendar_unit unit_;
  microseconds shift_;
  time_zone_ptr zone_;
};

} // namespace tidemill
