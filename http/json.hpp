#pragma once

#include "event/json_member.hpp"
#include "event/result.hpp"
#include "event/value.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// Why a text is not strict JSON (RFC 8259), and at which byte.
struct json_fault {
  std::size_t at = 0;
  std::string why;
};

/// What `check_json` is to accept at the top.
enum class json_root { any, object };

/// Nothing if `text` is exactly one JSON value: strict grammar, valid UTF-8, at most `depth` levels. Linear,
/// no allocation.
[[nodiscard]] std::optional<json_fault> check_json(std::string_view text, json_root root = json_root::any,
                                                   std::size_t depth = 64);

/// What `split_json_array` found wrong: element `index` (from 0), or the array itself.
struct json_array_fault {
  std::optional<std::size_t> index;
  json_fault fault;
};

/// The elements of a JSON array of objects, as views into `text`; each is checked as by `check_json`. At most
/// `most` elements. Linear.
[[nodiscard]] std::optional<json_array_fault> split_json_array(std::string_view text, std::size_t most,
                                                               std::vector<std::string_view>& elements,
                                                               std::size_t depth = 64);

/// Reads one JSON value: integers in range as `int`, other numbers as `double`, objects as maps with text
/// keys in order. For small texts (commands). Errors: `event_malformed` with the byte.
[[nodiscard]] result<value> parse_json(std::string_view text, std::size_t depth = 32);

} // namespace tidemill
