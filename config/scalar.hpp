#pragma once

#include "event/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace tidemill {

/// Reads `true` or `false`. Errors of all readers here: `config_invalid`; the text is what to write instead,
/// for a hint, and never holds the value.
[[nodiscard]] result<bool> parse_flag(std::string_view text);
[[nodiscard]] result<std::int64_t> parse_integer(std::string_view text);
/// A finite number.
[[nodiscard]] result<double> parse_number(std::string_view text);
/// Bytes with a unit: `64KiB`, `1.5GiB` (powers of 1024), `1MB` (powers of 1000), `512B`, `0`.
[[nodiscard]] result<std::int64_t> parse_size(std::string_view text);

/// `[a-z_][a-z0-9_]*`, at most 64 characters.
[[nodiscard]] bool is_identifier(std::string_view text) noexcept;
/// A word that CEL keeps for itself, so that no field can be called so.
[[nodiscard]] bool is_reserved(std::string_view text) noexcept;
/// The nearest text that is an identifier: `userId` → `user_id`.
[[nodiscard]] std::string as_identifier(std::string_view text);
/// The type of a schema that a word of another system stands for: `integer?` → `int?`; empty if unknown.
[[nodiscard]] std::string native_type(std::string_view foreign);

} // namespace tidemill
