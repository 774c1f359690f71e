#pragma once

#include <cstddef>

namespace tidemill {

/// How many bytes the functions here look at together.
inline constexpr std::size_t json_window = 32;

/// What the bytes of a stretch of JSON must be. `literal` is FF where a byte must be the one of `text`,
/// `inside` is FF where it may be any of a string but a quote, a backslash or a control character; where both
/// are 0 it may be anything.
struct json_stretch {
  const char* text;
  const char* literal;
  const char* inside;
};

/// Whether `size` bytes, at least a window, are as they must be. Sets `high` if one of them is not ASCII.
using json_stretch_match = bool (*)(const char* at, const json_stretch& wanted, std::size_t size,
                                    bool& high) noexcept;
/// The first quote in [at, end), if what is before it belongs into a string; null if not, or if there is
/// none. Sets `high` if any byte that it looked at is not ASCII.
using json_string_end = const char* (*)(const char* at, const char* end, bool& high) noexcept;

struct json_byte_functions {
  json_stretch_match match;
  json_string_end string_end;
};
/// For vectors of 16 bytes, which every processor has.
[[nodiscard]] json_byte_functions narrow_json_functions() noexcept;
/// The fastest ones that this processor has.
[[nodiscard]] json_byte_functions best_json_functions() noexcept;

} // namespace tidemill
