#pragma once

#include "actors/dead_letter_tools.hpp"

#include <string>
#include <string_view>

namespace tidemill {

/// Text that a terminal may be shown: what would steer it is escaped as `\\x1b`, at most `most` characters,
/// then `…`. Line breaks are escaped too.
[[nodiscard]] std::string shown_text(std::string_view text, std::size_t most);

/// Counts as a table, then the newest letters, a line each.
[[nodiscard]] std::string letter_table(const letter_summary& s);
/// The same as one JSON object.
[[nodiscard]] std::string letter_table_json(const letter_summary& s);
/// All of a letter; bytes that are no text in hexadecimal.
[[nodiscard]] std::string whole_letter(const dead_letter& l);
/// As it is stored, with the time when it was.
[[nodiscard]] std::string whole_letter_json(const dead_letter& l);

} // namespace tidemill
