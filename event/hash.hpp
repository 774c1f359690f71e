#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tidemill {

/// XXH3, 64 bits: interning, partitioning, checksums of stored records. The value is part of stored
/// formats and of `partition_by`: it never changes.
[[nodiscard]] std::uint64_t hash64(std::string_view bytes, std::uint64_t seed = 0) noexcept;

/// XXH3, 128 bits: stands for a key in the state of steps. The value is part of stored formats.
struct hash128 {
  std::uint64_t low = 0, high = 0;
  friend bool operator==(const hash128&, const hash128&) = default;
};
[[nodiscard]] hash128 hash128_of(std::string_view bytes) noexcept;

/// XXH3, 128 bits, as 32 lower-case hex digits: names of segments, versions of tables, state ids.
[[nodiscard]] std::string content_id(std::string_view bytes);

} // namespace tidemill
