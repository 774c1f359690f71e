#pragma once

#include "event/column.hpp"
#include "event/error.hpp"
#include "event/schema.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace tidemill {

/// One row of the column of one field.
struct cell {
  const field& as;
  column& to;
  std::size_t row;
};

/// Where the bytes of a text live: in the raw batch, so that a column may point at them, or in a buffer that
/// the next record overwrites.
enum class text_life : std::uint8_t { batch, record };

/// Stores the value that `text` spells, as CSV and logs write it. Doesn't know null. False: `why` names the
/// field, what was expected and what was found (`event_type`).
///
/// bool: `true True TRUE` and the same of false; numbers: see `text_number`; string and bytes: the text
/// itself, which must be UTF-8; timestamp: in the form of the field; lists: a JSON array.
[[nodiscard]] bool store_text(cell to, std::string_view text, text_life life, error& why);

/// Stores a JSON value other than null, given as the text of one valid value that lives as long as the batch.
/// False: `why`, as above; also `event_encoding` for a string that isn't Unicode.
///
/// Types are strict: an int is a JSON integer, a double any number, a decimal a number or a string of one, a
/// timestamp a string, or a number (which may be quoted) if its form is an epoch; a duration a string; a list
/// an array of such values; dyn anything, at most `json_depth` deep.
[[nodiscard]] bool store_json(cell to, std::string_view json, error& why);

/// What a JSON value is, for an error message: `number 1.5`, `a list`.
[[nodiscard]] std::string describe_json(std::string_view json);
/// The type as the schema spells it: `timestamp_ms`, `[int]`.
[[nodiscard]] std::string type_name(const field& f);
/// Whether a field of this type can be decoded at all.
[[nodiscard]] bool has_cells(const type& t) noexcept;
/// `"text"`, shortened and without control characters, for an error message.
[[nodiscard]] std::string excerpt(std::string_view text);
/// `event_encoding` with the position if `text` is not UTF-8.
[[nodiscard]] bool check_utf8(std::string_view text, error& why);

} // namespace tidemill
