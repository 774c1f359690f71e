#pragma once

#include "event/error.hpp"

#include <cstddef>
#include <string_view>
#include <vector>

namespace tidemill {

/// A cell of a CSV record: what stands between delimiters, or inside of its quotes.
struct csv_cell {
  std::string_view text;
  bool quoted = false;
  bool doubled = false; ///< `text` holds `""`, which means one quote
};

/// Cuts a record at its delimiters (RFC 4180). Stores the first `keep` cells and returns how many there are;
/// 0 for an error: a quote that isn't closed, text behind one that is, or a quote in an unquoted cell.
[[nodiscard]] std::size_t split_csv(std::string_view record, char delimiter, std::size_t keep,
                                    std::vector<csv_cell>& cells, error& why);
/// Writes a text with `""` made `"`; at most `text.size()` bytes. Returns how many.
std::size_t undouble_quotes(std::string_view text, char* to) noexcept;

} // namespace tidemill
