#pragma once

#include "event/error.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace tidemill {

/// A token of a JSON text: points at the position of its first byte. A value, so that a walk keeps it in a
/// register.
using json_token = const std::uint32_t*;

/// The tokens of one text: brackets, commas and colons outside of strings, strings, and other scalars. The
/// text is valid UTF-8, its strings are closed and hold no control characters; all else is checked by who
/// walks.
class json_tokens {
public:
  json_tokens() = default;
  json_tokens(std::string_view text, json_token begin, json_token end)
      : text_(text), begin_(begin), end_(end), escapes_(text.find('\\') != std::string_view::npos) {}

  [[nodiscard]] json_token begin() const noexcept { return begin_; }
  [[nodiscard]] json_token end() const noexcept { return end_; }
  /// Whether any string of the text may hold escapes.
  [[nodiscard]] bool escapes() const noexcept { return escapes_; }

  /// The first byte of a token, 0 at the end (and at a NUL, which is never valid).
  [[nodiscard]] char first(json_token at) const noexcept { return at == end_ ? '\0' : text_[*at]; }
  /// The whole token of a scalar; requires that it is not the end.
  [[nodiscard]] std::string_view whole(json_token at) const noexcept {
    std::size_t begin = at[0], end = at[1];
    while (is_space(text_[end - 1])) // ends at the token's first byte at the latest
      --end;
    return {text_.data() + begin, end - begin};
  }
  /// A list or object from its opening bracket up to `next`, the token behind its closing one.
  [[nodiscard]] std::string_view nested(json_token at, json_token next) const noexcept {
    return text_.substr(*at, next[-1] + 1 - *at);
  }

  /// The token behind a value that is checked whole: brackets, commas, colons, numbers, literals, escapes.
  /// Null, and `why`, for a fault. Doesn't recurse: nesting costs a bit a level, up to `max_depth`.
  [[nodiscard]] json_token skip_value(json_token at, error& why) const {
    auto c = first(at);
    if (c == '"' && !escapes_)
      return at + 1;
    return c == '{' || c == '[' ? skip_nested(at, why) : skip_scalar(at, why);
  }
  static constexpr std::size_t max_depth = 1024;

  /// The token behind `c`, which must be here.
  [[nodiscard]] json_token skip(json_token at, char c, error& why) const {
    return first(at) == c ? at + 1 : expected(std::string_view{&c, 1}, at, why);
  }
  /// Says what is wrong with a token: `expected :, found } at byte 17`. Returns null.
  json_token expected(std::string_view what, json_token at, error& why) const;

private:
  static bool is_space(char c) noexcept { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }
  [[nodiscard]] json_token skip_scalar(json_token at, error& why) const;
  [[nodiscard]] json_token skip_key(json_token at, error& why) const;
  [[nodiscard]] json_token skip_nested(json_token at, error& why) const;

  std::string_view text_;
  json_token begin_ = nullptr;
  json_token end_ = nullptr;
  bool escapes_ = false;
};

/// Finds tokens with SIMD. One scanner is reused for many texts; it keeps memory for the longest. Reads no
/// byte outside of a text.
class json_scanner {
public:
  json_scanner();
  ~json_scanner();

  /// The tokens are valid until the next scan; there are none in a text of white space. False, and the
  /// reason: `event_encoding`, or `event_malformed`, with the byte position.
  [[nodiscard]] bool scan(std::string_view text, json_tokens& tokens, error& why);

private:
  struct parser;
  std::unique_ptr<parser> parser_;
};

/// Whether a token is a JSON scalar.
[[nodiscard]] bool valid_json_scalar(std::string_view token) noexcept;

} // namespace tidemill
