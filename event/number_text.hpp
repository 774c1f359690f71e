#pragma once

#include "event/schema.hpp"
#include "event/time.hpp"

#include <cstdint>
#include <string_view>

namespace tidemill {

/// What a text is as a number, by the grammar only.
enum class number_form : std::uint8_t { none, integer, fraction };

/// JSON's grammar (RFC 8259): no `+`, no leading zeros, digits on both sides of the point.
[[nodiscard]] number_form json_number(std::string_view text) noexcept;
/// The grammar of CSV cells: as JSON's, but also `+1`, `007`, `.5` and `5.`.
[[nodiscard]] number_form text_number(std::string_view text) noexcept;

/// 0 … 15, or -1 for another character.
[[nodiscard]] int hex_digit(char c) noexcept;

/// An optional sign and decimal digits, nothing else. False: it is none, or out of range.
[[nodiscard]] bool read_int(std::string_view text, std::int64_t& out) noexcept;
/// As above; `-0` is the only negative one.
[[nodiscard]] bool read_uint(std::string_view text, std::uint64_t& out) noexcept;
/// The nearest double of a text that has passed one of the grammars; what is too small becomes a zero of its
/// sign. False: too large.
[[nodiscard]] bool read_double(std::string_view text, double& out) noexcept;
/// Exact: digits beyond a nanosecond are cut towards the past. The text must have passed a grammar, `unit` is
/// one of the epoch forms. False: outside of the years 0001 … 9999.
[[nodiscard]] bool read_epoch(std::string_view text, time_format unit, timestamp& out) noexcept;
/// The same for what most epochs are: 9 to 16 digits, the first one not 0, nothing else. False: something
/// else or out of range.
[[nodiscard]] bool read_plain_epoch(std::string_view text, time_format unit, timestamp& out) noexcept;

} // namespace tidemill
