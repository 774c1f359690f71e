#pragma once

#include <string>
#include <string_view>

namespace tidemill {

/// Expressions that YAML takes apart unless they are quoted: `!x` (a tag), `a ? b : c`, `"x" == y`,
/// `{a: f(x, 1)}`, `x == " #"`. Here they are recognised in the text of a file.

/// Brackets that are open at the end of an expression's text, less those closed too much; quoted parts don't
/// count.
[[nodiscard]] int open_brackets(std::string_view text) noexcept;
/// Whether a quote is open at the end.
[[nodiscard]] bool open_quote(std::string_view text) noexcept;

/// `quote the expression: 'a ? b : c'`, ready to be copied.
[[nodiscard]] std::string quote_hint(std::string_view expression);

/// A line of a block map or sequence, cut: `  - filter: a ? b : c`.
struct line_parts {
  std::string_view before; ///< indentation, dashes, and key with colon if there is one
  std::string_view value;  ///< without blanks around it
};
[[nodiscard]] line_parts split_line(std::string_view line) noexcept;

/// What a line may have meant that YAML does not understand at this byte, as a hint; empty if nothing comes
/// to mind.
[[nodiscard]] std::string hint_for_line(std::string_view line, std::size_t byte);

} // namespace tidemill
