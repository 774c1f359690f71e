#pragma once

#include "event/result.hpp"

#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace tidemill {

/// Event time: microseconds since 1970-01-01T00:00:00Z, leap seconds ignored. Watermarks, slices and
/// windows are in this unit; a finer fraction of a timestamp is cut towards the past.
using event_time = std::chrono::sys_time<std::chrono::microseconds>;
using microseconds = std::chrono::microseconds;

/// Before every event: the watermark of a partition that has seen none.
inline constexpr event_time time_min{microseconds{std::numeric_limits<std::int64_t>::min() / 4}};
/// After every event: the watermark of a partition that has ended.
inline constexpr event_time time_max{microseconds{std::numeric_limits<std::int64_t>::max() / 4}};

/// A CEL timestamp: 0001-01-01T00:00:00Z … 9999-12-31T23:59:59.999999999Z, nanoseconds.
/// `nanos` is 0 … 999,999,999 and counts forward, also before 1970.
struct timestamp {
  std::int64_t seconds = 0;
  std::int32_t nanos = 0;
  friend auto operator<=>(const timestamp&, const timestamp&) = default;
};
inline constexpr std::int64_t timestamp_min_seconds = -62'135'596'800; ///< 0001-01-01
inline constexpr std::int64_t timestamp_max_seconds = 253'402'300'799; ///< 9999-12-31T23:59:59

/// A CEL duration in nanoseconds (± 292 years).
struct duration {
  std::int64_t nanos = 0;
  friend auto operator<=>(const duration&, const duration&) = default;
};

[[nodiscard]] inline event_time to_event_time(timestamp t) noexcept {
  auto seconds = t.seconds < timestamp_min_seconds   ? timestamp_min_seconds
                 : t.seconds > timestamp_max_seconds ? timestamp_max_seconds
                                                     : t.seconds;
  return event_time{microseconds{seconds * 1'000'000 + t.nanos / 1000}};
}
[[nodiscard]] timestamp to_timestamp(event_time t) noexcept;

/// RFC 3339: upper-case `T` and `Z` or a numeric offset, 0 … 9 fraction digits (more are cut), real dates
/// only, no leap second. Errors: `event_type`.
[[nodiscard]] result<timestamp> parse_rfc3339(std::string_view text);
/// UTC with `Z`; the fraction without trailing zeros: `2015-05-17T10:05:03Z`.
[[nodiscard]] std::string format_rfc3339(timestamp t);
/// As above; `time_min` is `-infinity`, `time_max` is `infinity`.
[[nodiscard]] std::string format_rfc3339(event_time t);
/// `17/May/2015:10:05:03 +0000`, the time of an Apache log. Errors: `event_type`.
[[nodiscard]] result<timestamp> parse_apache_time(std::string_view text);

/// A CEL duration text: sign, then number + unit repeated, units `h m s ms us µs ns`, fractions allowed, and
/// `0`. Errors: `event_type`.
[[nodiscard]] result<duration> parse_cel_duration(std::string_view text);
/// Seconds with up to 9 digits and `s`: `5400s`, `-0.001s`.
[[nodiscard]] std::string format_cel_duration(duration d);
/// A duration in configuration: as CEL's, plus `d` (24 h) and `w`; ISO 8601 `PT1H30M` too; never negative.
/// Errors: `config_invalid`, with the accepted forms.
[[nodiscard]] result<microseconds> parse_config_duration(std::string_view text);
/// The shortest text that `parse_config_duration` reads back: `1m30s`, `5s`, `250ms`.
[[nodiscard]] std::string format_config_duration(microseconds d);

/// Civil fields of a UTC instant.
struct civil_time {
  std::int32_t year;
  std::uint8_t month, day, hour, minute, second; ///< month and day from 1
  std::uint8_t weekday;                          ///< Sunday = 0
  std::uint16_t year_day;                        ///< from 0
};
[[nodiscard]] civil_time to_civil(std::int64_t seconds) noexcept;
/// Seconds since 1970 of a civil UTC time; fields must be in range.
[[nodiscard]] std::int64_t from_civil(std::int32_t year, unsigned month, unsigned day, unsigned hour = 0,
                                      unsigned minute = 0, unsigned second = 0) noexcept;

} // namespace tidemill
