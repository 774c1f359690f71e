#pragma once

#include "event/error.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace tidemill {

/// Where the tokens of a JSON text begin, found with SIMD: brackets, commas and colons outside of strings,
/// and the first byte of each string or other scalar. The text is valid UTF-8, its strings are closed and
/// hold no control characters; nothing else is checked yet: `json_cursor` does.
///
/// One scanner is reused for many texts; it keeps memory for the longest. Reads no byte outside of the text.
class json_scanner {
public:
  json_scanner();
  ~json_scanner();

  /// False, and the reason: `event_encoding`, or `event_malformed` with the byte position.
  /// A text of white space has no tokens.
  [[nodiscard]] bool scan(std::string_view text, error& why);
  /// Valid until the next scan. One more entry at the end is the size of the text.
  [[nodiscard]] const std::uint32_t* begin() const noexcept { return begin_; }
  [[nodiscard]] const std::uint32_t* end() const noexcept { return end_; }

private:
  struct parser;
  std::unique_ptr<parser> parser_;
  const std::uint32_t* begin_ = nullptr;
  const std::uint32_t* end_ = nullptr;
};

/// Walks over the tokens of one text and checks the grammar of what it passes.
class json_cursor {
public:
  json_cursor(std::string_view text, const json_scanner& tokens)
      : text_(text), at_(tokens.begin()), end_(tokens.end()),
        escapes_(text.find('\\') != std::string_view::npos) {}

  /// The first byte of the token, 0 at the end (and at a NUL, which is never valid).
  [[nodiscard]] char peek() const noexcept { return at_ == end_ ? '\0' : text_[*at_]; }
  void advance() noexcept { ++at_; }
  [[nodiscard]] bool at_end() const noexcept { return at_ == end_; }
  [[nodiscard]] std::size_t position() const noexcept { return at_ == end_ ? text_.size() : *at_; }
  /// The whole token of a scalar; requires `!at_end()`.
  [[nodiscard]] std::string_view token() const noexcept {
    auto end = at_[1];
    while (is_space(text_[end - 1])) // ends at the token's first byte at the latest
      --end;
    return text_.substr(*at_, end - *at_);
  }
  /// Whether any string of the text may hold escapes.
  [[nodiscard]] bool escapes() const noexcept { return escapes_; }

  /// Goes past a value and checks it whole: brackets, commas, colons, numbers, literals, escapes. Its text is
  /// stored in `passed`. Doesn't recurse: nesting costs a bit a level, up to `max_depth`.
  [[nodiscard]] bool skip_value(std::string_view& passed, error& why);
  static constexpr std::size_t max_depth = 1024;

  /// Goes past one bracket, comma or colon.
  [[nodiscard]] bool skip_char(char c, error& why) {
    if (peek() != c) {
      why = expected(std::string_view{&c, 1});
      return false;
    }
    advance();
    return true;
  }
  /// Describes what is wrong with the current token: `expected :, found } at byte 17`.
  [[nodiscard]] error expected(std::string_view what) const;

private:
  static bool is_space(char c) noexcept { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }
  [[nodiscard]] bool skip_scalar(error& why);
  [[nodiscard]] bool skip_key(error& why);
  [[nodiscard]] bool skip_nested(error& why);

  std::string_view text_;
  const std::uint32_t* at_;
  const std::uint32_t* end_;
  bool escapes_;
};

/// Whether a token is a JSON scalar.
[[nodiscard]] bool valid_json_scalar(std::string_view token) noexcept;

} // namespace tidemill
