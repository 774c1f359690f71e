#pragma once

#include <cstdint>
#include <functional>

namespace tidemill {

/// A partition of one source, 0 … N-1.
enum class partition_id : std::uint32_t {};

[[nodiscard]] constexpr std::uint32_t to_index(partition_id p) noexcept {
  return static_cast<std::uint32_t>(p);
}

/// A position in a partition: always "the next record to read". Grows along the partition but need not
/// be dense (file sources count bytes, Kafka leaves gaps).
using offset = std::uint64_t;

/// Identifies one event of a stream: the record it came from and its place among that record's events.
/// The order is that of the stream within a partition.
struct event_id {
  partition_id partition{};
  offset at = 0;
  std::uint32_t index = 0;
  friend auto operator<=>(const event_id&, const event_id&) = default;
};

} // namespace tidemill
