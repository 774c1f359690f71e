#pragma once

#include "pipeline/cel/ast.hpp"
#include "pipeline/cel/expression.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill::cel {

enum class token_kind : std::uint8_t {
  end,
  name,
  quoted_name,
  integer,
  uinteger,
  real,
  string,
  bytes,
  symbol
};

/// A word of the text. Numbers carry no sign: a minus is an operator.
struct token {
  token_kind what = token_kind::end;
  place at;
  std::string_view raw; ///< its bytes in the text; of a quoted name without the quotes
  std::string text;     ///< string, bytes: the content, escapes resolved
  std::uint64_t magnitude = 0;
  double real = 0;
};

/// Cuts a text into tokens; the last one is `end`. Nothing and one fault if it can't be done.
/// The tokens point into `text`.
[[nodiscard]] std::optional<std::vector<token>> tokenize(std::string_view text, std::vector<fault>& faults);

/// Resolves the escapes of a string (or bytes) body. On failure `problem` says why, and the result is the
/// offset of the offending escape.
[[nodiscard]] std::optional<std::string> unescape(std::string_view body, bool bytes, std::string& problem,
                                                  std::size_t& offset);

/// Appends a code point as UTF-8.
void append_utf8(std::string& out, char32_t point);

} // namespace tidemill::cel
