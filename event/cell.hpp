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

  template <class T>
  bool put(const T& x) const {
    to.as<T>()[row] = x;
    return true;
  }
};

/// Where the bytes of a text live: in the raw batch, so that a column may point at them, or in a buffer that
/// the next record overwrites.
enum class text_life : std::uint8_t { batch, record };

/// Stores the value that a text spells, as CSV and logs write it. False: `why` names the field, what was
/// expected and what was found (`event_type`).
using text_cell_reader = bool (*)(const cell& to, std::string_view text, text_life life, error& why);
/// The reader for cells of a type, to be looked up once per field. It doesn't know null.
///
/// bool: `true True TRUE` and the same of false; numbers: see `text_number`; string and bytes: the text
/// itself, which must be UTF-8; timestamp: in the form of the field; lists: a JSON array.
[[nodiscard]] text_cell_reader text_reader(const type& t) noexcept;

/// Stores a JSON value that is not null. A composite must be valid and all must live as long as the batch.
/// False: `why`, as above; also `event_encoding` for a string that isn't Unicode. A scalar that is no JSON is
/// refused too, with any reason.
using json_cell_reader = bool (*)(const cell& to, std::string_view json, error& why);
/// The reader for cells of a type, to be looked up once per field.
///
/// Types are strict: an int is a JSON integer, a double any number, a decimal a number or a string of one, a
/// timestamp a string, or a number (which may be quoted) if its form is an epoch; a duration a string; a list
/// an array of such values; dyn anything, at most `json_depth` deep.
[[nodiscard]] json_cell_reader json_reader(const type& t) noexcept;

/// What a JSON value is, for an error message: `number 1.5`, `a list`.
[[nodiscard]] std::string describe_json(std::string_view json);
/// The type as the schema spells it: `timestamp_ms`, `[int]`.
[[nodiscard]] std::string type_name(const field& f);
/// Whether a field of this type can be decoded at all.
[[nodiscard]] bool has_cells(const type& t) noexcept;
/// Fills in `why`: the field, its type, and what was found instead. Always false.
bool cell_mismatch(const cell& c, const std::string& found, error& why);
/// As above, with the reason why a value was refused.
bool cell_refused(const cell& c, const error& reason, error& why);
/// A number of an epoch; false if it is out of range.
[[nodiscard]] bool store_epoch(const cell& c, std::string_view number) noexcept;
/// A list from a JSON array.
[[nodiscard]] bool store_json_list(const cell& c, std::string_view json, error& why);

/// `"text"`, shortened and without control characters, for an error message.
[[nodiscard]] std::string excerpt(std::string_view text);
/// `event_encoding` with the position if `text` is not UTF-8.
[[nodiscard]] bool check_utf8(std::string_view text, error& why);

} // namespace tidemill
