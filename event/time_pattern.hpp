#pragma once

#include "event/result.hpp"
#include "event/time.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// How dates and times of some input are written, as in strptime: `%Y-%m-%d %H:%M:%S`. Immutable.
///
/// `%Y` four digits, `%y` two (69 … 99 is 19xx) · `%m %d %e %H %I %M %S` one or two digits · `%b %B` the name
/// of a month, short or long, in English and any case · `%j` day of the year · `%f` a fraction of a second,
/// digits beyond a nanosecond are cut · `%p` AM or PM · `%z` `Z` or an offset such as `+02:00`, `+0200`,
/// `+02` · `%a %A` the name of a weekday, passed over · `%F` = `%Y-%m-%d`, `%T` = `%H:%M:%S`, `%R` = `%H:%M`,
/// `%D` =
/// `%m/%d/%y` · `%%`. A space stands for one or more, all else for itself. Without `%z` times are UTC.
class time_pattern {
public:
  /// Errors: `config_invalid` for an unknown directive, one that is there twice, and a pattern that doesn't
  /// tell a date.
  [[nodiscard]] static result<time_pattern> compile(std::string_view text);

  /// The text as a whole. Errors: `event_type`.
  [[nodiscard]] result<timestamp> parse(std::string_view text) const;
  [[nodiscard]] const std::string& text() const noexcept { return text_; }

private:
  std::string text_;
  std::vector<char> parts_; ///< a directive's letter, or 0 and the character that stands for itself
};

} // namespace tidemill
