#pragma once

#include "pipeline/cel/checked.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill::cel {

// Positions count code points; texts are valid UTF-8. Shared by the interpreter and the kernels.

inline constexpr problem index_out_of_range = "index out of range";

[[nodiscard]] std::size_t code_points(std::string_view s) noexcept;
/// Bytes before code point `index`; nothing if the text has fewer.
[[nodiscard]] std::optional<std::size_t> byte_offset(std::string_view s, std::int64_t index) noexcept;
/// Bytes of the code point that begins at `s[0]`; `s` is not empty.
[[nodiscard]] std::size_t point_size(std::string_view s) noexcept;

/// At most `bytes` bytes of a text for a message, never half a code point.
[[nodiscard]] std::string_view shortened(std::string_view s, std::size_t bytes) noexcept;

/// Empty for `at` = size.
problem char_at(std::string_view s, std::int64_t at, std::string_view& out);
problem substring(std::string_view s, std::int64_t from, std::int64_t to, std::string_view& out);
problem substring(std::string_view s, std::int64_t from, std::string_view& out);
/// -1 if it isn't there at `from` or later; an offset beyond the end is an error.
problem index_of(std::string_view s, std::string_view needle, std::int64_t from, std::int64_t& out);
/// The last one that begins at `from` or before.
problem last_index_of(std::string_view s, std::string_view needle, std::int64_t from, std::int64_t& out);
[[nodiscard]] std::int64_t last_index_of(std::string_view s, std::string_view needle);
/// Without Unicode white space at both ends.
[[nodiscard]] std::string_view trim(std::string_view s);

[[nodiscard]] inline char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}
[[nodiscard]] inline char upper(char c) noexcept {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c;
}
/// Writes `s` with its code points in reverse order to `to`, which has room for it.
void reverse(std::string_view s, char* to);

/// Size of `replace`'s result, which may be enormous.
[[nodiscard]] std::size_t replaced_size(std::string_view s, std::string_view from, std::string_view to,
                                        std::int64_t limit);
/// The first `limit` of `from` replaced, all if negative; an empty `from` is found before each code point and
/// at the end. Writes to `out`, which has room for it.
void replace(std::string_view s, std::string_view from, std::string_view to, std::int64_t limit, char* out);
/// At most `limit` pieces, any number if negative; an empty separator cuts between code points.
[[nodiscard]] std::vector<std::string_view> split(std::string_view s, std::string_view separator,
                                                  std::int64_t limit);

} // namespace tidemill::cel
