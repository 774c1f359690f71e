#pragma once

#include "event/value.hpp"

#include <cstdint>
#include <string_view>

namespace tidemill {

/// The 64-bit hash by which `distinct` tells values apart; part of the sketches' stored form, so it never
/// changes. A typed value and the same value boxed have the same hash.
///
/// Numbers that CEL calls equal are one if they are whole and within int or uint: 1, 1u, 1.0, decimal 1. All
/// NaNs are one value. Strings and bytes differ, also with the same contents.
[[nodiscard]] std::uint64_t value_hash(bool x) noexcept;
[[nodiscard]] std::uint64_t value_hash(std::int64_t x) noexcept;
[[nodiscard]] std::uint64_t value_hash(std::uint64_t x) noexcept;
[[nodiscard]] std::uint64_t value_hash(double x) noexcept;
[[nodiscard]] std::uint64_t value_hash(decimal x) noexcept;
[[nodiscard]] std::uint64_t value_hash(std::string_view text) noexcept;
[[nodiscard]] std::uint64_t value_hash_of_bytes(std::string_view bytes) noexcept;
[[nodiscard]] std::uint64_t value_hash(timestamp x) noexcept;
[[nodiscard]] std::uint64_t value_hash(duration x) noexcept;
/// Of what is no scalar the hash of its encoding.
[[nodiscard]] std::uint64_t value_hash(const value& x);

} // namespace tidemill
