#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace tidemill {

/// What went wrong, in ranges: 1xxx configuration, 2xxx event data, 3xxx storage, 4xxx network,
/// 9xxx a bug of ours. Tests and dashboards may rely on the numbers; texts may change.
enum class errc : std::uint16_t {
  none = 0,
  config_invalid = 1000,     ///< a configuration value is wrong
  config_unreadable = 1001,  ///< a configuration file can't be read
  expression_invalid = 1100, ///< an expression doesn't parse or type-check
  event_malformed = 2000,    ///< bytes that are not of the declared format
  event_type = 2001,         ///< a field has another type than declared
  event_missing = 2002,      ///< a required field is absent or null
  event_too_large = 2003,    ///< a record over the size limit
  event_encoding = 2004,     ///< text that is not valid UTF-8
  event_time = 2005,         ///< no usable event time
  event_future = 2006,       ///< an event time too far ahead
  event_late = 2007,         ///< behind the watermark by more than the lateness
  evaluation = 2100,         ///< an expression failed for this event
  lookup_miss = 2101,        ///< a lookup table has no such key
  poison = 2200,             ///< the record killed its worker and is skipped
  io = 3000,                 ///< the operating system refused a read or write
  corrupt = 3001,            ///< stored bytes fail their checksum or don't decode
  out_of_range = 3002,       ///< an offset that is no longer, or not yet, stored
  locked = 3003,             ///< another process holds the data directory
  mismatch = 3004,           ///< stored state belongs to another definition or source
  full = 3005,               ///< no space left, or a configured limit is reached
  unavailable = 4000,        ///< a remote service can't be reached now; retry
  refused = 4001,            ///< a remote service said no; retrying won't help
  address_in_use = 4002,     ///< the listen address is taken
  fenced = 4003,             ///< a newer process has taken our place; nothing may be written any more
  bug = 9000,                ///< a broken invariant of the program
};

/// An error as a value: a code for programs and one sentence for people.
///
/// The sentence says what happened, where, and if possible what to do about it; it carries no secrets.
class error {
public:
  error() = default;
  error(errc code, std::string text) : code_(code), text_(std::move(text)) {}

  [[nodiscard]] errc code() const noexcept { return code_; }
  [[nodiscard]] const std::string& text() const noexcept { return text_; }

  /// The same error with `where: ` put before its text.
  [[nodiscard]] error in(std::string_view where) const { return {code_, std::string{where} + ": " + text_}; }

  friend bool operator==(const error&, const error&) = default;

private:
  errc code_ = errc::none;
  std::string text_;
};

} // namespace tidemill
