#pragma once

#include "event/result.hpp"

#include <cstdint>
#include <string_view>

namespace tidemill {

/// A stretch of time in which the local clocks of a zone are `offset` seconds ahead of UTC: from `from`
/// until before `until`, in seconds since 1970. The stretch before or after it may have the same offset.
struct offset_span {
  std::int64_t from, until;
  std::int32_t offset;
};

/// What a zone does beyond its listed changes: one offset, or two that take turns each year. Written as
/// POSIX's `TZ` with the extensions of RFC 9636 (TZif): `CET-1CEST,M3.5.0,M10.5.0/3`, `<-03>3`.
class time_zone_rule {
public:
  time_zone_rule() = default;
  /// One offset for ever.
  explicit time_zone_rule(std::int32_t ahead) : standard_(ahead), summer_(ahead) {}

  /// Names of zones are checked and forgotten. Errors: `config_invalid`.
  [[nodiscard]] static result<time_zone_rule> parse(std::string_view text);

  /// `seconds` is within ± `limit`; outside, the offset is that of the limit.
  [[nodiscard]] offset_span span_at(std::int64_t seconds) const noexcept;

  /// Seconds since 1970 that a zone knows: about 139,000 years to either side, beyond all event times.
  static constexpr std::int64_t limit = std::int64_t{1} << 42;

private:
  /// When in a year the offset changes.
  struct change {
    enum class form : std::uint8_t { month_week_day, day_without_leap, day };
    form kind = form::day;
    std::int32_t month = 0, week = 0, day = 0; ///< month and week only for `month_week_day`
    std::int32_t time = 0;                     ///< seconds after local midnight, maybe negative
  };
  friend class time_zone_rule_parser;
  /// Seconds from 1970 to the change, on local clocks.
  [[nodiscard]] static std::int64_t local_time(const change& c, std::int32_t year) noexcept;

  std::int32_t standard_ = 0, summer_ = 0; ///< equal: there are no changes
  change to_summer_, to_standard_;
};

} // namespace tidemill
