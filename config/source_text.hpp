#pragma once

#include "event/diagnostic.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// The text of a configuration file by lines. A copy: lines can be replaced while faults are looked for.
class source_text {
public:
  explicit source_text(std::string_view text);

  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  /// The text as the parser should have it, byte for byte in the same places. yaml-cpp ends a plain scalar
  /// inside braces at a question mark, so that `{age: int?}` is no YAML for it: those inside words are
  /// masked.
  [[nodiscard]] std::string masked() const;
  /// Takes the mask off a text that the parser hands out.
  [[nodiscard]] static std::string unmasked(std::string text);
  /// The line with this number from 0, without its end; empty beyond the last.
  [[nodiscard]] std::string_view line(int number) const noexcept;
  /// The text from a byte of a line on, over all further lines.
  [[nodiscard]] std::string_view from(int number, int byte) const noexcept;
  /// Line and byte, both from 0, as a place for people: from 1, in characters. Cheap if near the last.
  [[nodiscard]] position at(int number, int byte) const noexcept;
  /// Replaces a line by another text, filled up with blanks to the same length, and remembers it.
  void replace(int number, std::string_view with);
  [[nodiscard]] bool replaced(int number) const noexcept;

private:
  std::string text_;
  std::vector<std::size_t> starts_;
  std::vector<bool> replaced_; ///< by line
  mutable struct {
    int line = -1, byte = 0, inside = 0;
  } counted_; ///< bytes inside characters up to the last place that was asked for
};

/// Text for a message: in double quotes, control characters escaped, at most 60 characters.
[[nodiscard]] std::string quoted_for_message(std::string_view text);

} // namespace tidemill
