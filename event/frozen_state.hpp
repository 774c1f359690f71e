#pragma once

#include "event/ids.hpp"
#include "event/result.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// Offsets above `after`, up to and with `upto`.
struct offset_range {
  offset after = 0, upto = 0;
  friend bool operator==(const offset_range&, const offset_range&) = default;
};

/// The state of a partition at one offset, frozen: any thread may read it while the partition goes on.
///
/// It is a small core and many entries; each entry knows the offset of its last change. Entries are written
/// by ranges of that offset, so who stores them writes what has changed, and decides what to write again.
class frozen_state {
public:
  /// Takes a piece and how many entries are in it.
  using piece_taker = std::function<status(std::string_view piece, std::uint64_t entries)>;

  virtual ~frozen_state() = default;
  [[nodiscard]] virtual const std::string& core() const = 0;
  [[nodiscard]] virtual std::uint64_t entries() const = 0;
  /// Entries whose last change lies in each range; ranges ascend and don't overlap.
  [[nodiscard]] virtual std::vector<std::uint64_t> count(std::span<const offset_range> ranges) const = 0;
  /// Writes the entries whose last change lies in one of the ranges, which ascend and don't overlap, as
  /// pieces of about `piece_bytes` at most. Equal states give equal pieces. Ends with the first error of
  /// `take`.
  virtual status write(std::span<const offset_range> ranges, std::size_t piece_bytes,
                       const piece_taker& take) const = 0;
};

/// Reads a stored state: calls `each` for its pieces. A piece may repeat entries of pieces that come after
/// it: the first one counts. Ends with the first error.
using stored_pieces = std::function<status(const std::function<status(std::string_view piece)>& each)>;

} // namespace tidemill
