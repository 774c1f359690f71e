#pragma once

#include "event/result.hpp"
#include "event/time_zone_rule.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// How far the local clocks of a place are ahead of UTC, at each instant.
///
/// Times are whole seconds since 1970; local times are what the clocks show, written as if it were UTC (so
/// `from_civil` and `to_civil` are for them too). Immutable; read by all threads.
class time_zone {
public:
  /// From the bytes of a TZif file (RFC 9636), version 1 to 4, at most 1 MiB. `name` is only shown. Errors:
  /// `corrupt`, also for a file with leap seconds.
  [[nodiscard]] static result<time_zone> from_tzif(std::string name, std::string_view bytes);
  /// From a rule of POSIX: `CET-1CEST,M3.5.0,M10.5.0/3`. Errors: `config_invalid`.
  [[nodiscard]] static result<time_zone> from_rule(std::string_view rule);
  /// Always `offset` seconds ahead of UTC; less than 26 hours.
  [[nodiscard]] static time_zone fixed(std::string name, std::int32_t offset);

  [[nodiscard]] const std::string& name() const noexcept { return name_; }

  /// The stretch of time around an instant in which the offset is the same: callers with many instants keep
  /// it, and ask again when they leave it.
  [[nodiscard]] offset_span span_at(std::int64_t seconds) const noexcept;
  [[nodiscard]] std::int32_t offset_at(std::int64_t seconds) const noexcept {
    return span_at(seconds).offset;
  }
  /// What local clocks show.
  [[nodiscard]] std::int64_t to_local(std::int64_t seconds) const noexcept {
    return seconds + offset_at(seconds);
  }

  /// The first instant at which local clocks show `local` or later. It never goes back as `local` grows.
  ///
  /// A local time that comes twice, when clocks are set back, is its first occurrence; one that is left out,
  /// when they are set forward, is the instant of the change. So it answers when a day begins, even where
  /// clocks change at midnight.
  ///
  ///     Berlin  2024-03-31 02:30 → 01:00Z, when 02:00 became 03:00
  ///             2024-10-27 02:30 → 00:30Z, not 01:30Z
  [[nodiscard]] std::int64_t first_instant(std::int64_t local) const noexcept;

private:
  time_zone(std::string name, time_zone_rule tail) : name_(std::move(name)), tail_(tail) {}

  std::string name_;
  std::vector<std::int64_t> changes_; ///< ascending
  std::vector<std::int32_t> before_;  ///< the offset before each change
  time_zone_rule tail_;               ///< after the last change
};
using time_zone_ptr = std::shared_ptr<const time_zone>;

/// Where named zones come from: a folder of TZif files, say. Thread-safe; zones once found stay the same.
class time_zone_source {
public:
  virtual ~time_zone_source() = default;
  /// Errors: `config_invalid`, with the remedy.
  [[nodiscard]] virtual result<time_zone_ptr> find(std::string_view name) const = 0;
};

/// Sets the source of the process, once, before a pipeline is compiled. As the program's zones are the same
/// everywhere and for as long as it runs, they are not handed from function to function.
void install_time_zones(std::shared_ptr<const time_zone_source> zones);

/// `UTC`, an offset (`+02:00`, `-05:30`, and `02:00` as CEL has it), or a name of the IANA database that the
/// installed source knows: `Europe/Berlin`. Thread-safe. Errors: `config_invalid`, with the accepted forms.
[[nodiscard]] result<time_zone_ptr> find_time_zone(std::string_view name);

} // namespace tidemill
