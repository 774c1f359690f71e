#pragma once

#include "event/result.hpp"
#include "event/value.hpp"

#include <cstddef>
#include <string_view>
#include <vector>

namespace tidemill {

/// How deep a JSON value may be nested when it is read as a whole.
inline constexpr std::size_t json_depth = 64;

/// Reads one JSON text (RFC 8259, UTF-8) as a boxed value: for `dyn` fields, lists and tests; the codec reads
/// other fields without it.
///
/// A number without point and exponent is an int, or a uint beyond it, or a double beyond that; others are
/// doubles. The first of several equal keys wins. Errors: `event_malformed` with the byte position, also for
/// values nested deeper than `json_depth`; `event_encoding` for text that isn't Unicode.
[[nodiscard]] result<value> parse_json(std::string_view text);

/// The texts of the elements of a JSON array, without white space around them. Errors: as `parse_json`, and
/// `event_type` if it is no array.
[[nodiscard]] result<std::vector<std::string_view>> split_json_array(std::string_view text);

/// Replaces the escapes in the inside of a JSON string. Writes at most `text.size()` bytes to `to`; the
/// answer is how many. Errors: `event_malformed` (no such escape), `event_encoding` (half of a surrogate
/// pair).
[[nodiscard]] result<std::size_t> unescape_json(std::string_view text, char* to);
/// Whether all escapes are well-formed; surrogates may lack their half, as the grammar allows.
[[nodiscard]] bool valid_json_escapes(std::string_view text) noexcept;

} // namespace tidemill
