#pragma once

#include <cstddef>
#include <string_view>

namespace tidemill {

/// How many bytes at the front are ASCII.
[[nodiscard]] std::size_t ascii_prefix(std::string_view text) noexcept;

/// The first code point of a text, or the bytes that spoil it.
struct utf8_step {
  std::size_t length; ///< if not valid: of the longest spoiled prefix, to be replaced by one U+FFFD
  bool valid;
};
/// Looks at the front of a non-empty text.
[[nodiscard]] utf8_step next_utf8(std::string_view text) noexcept;

} // namespace tidemill
