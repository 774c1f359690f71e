#pragma once

#include "http/server.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace tidemill {

/// The way of one reader from its position to one snapshot, which may take several frames. Copies are cheap.
struct delivery {
  snapshot_ptr to;
  std::uint64_t from = 0;         ///< the reader's offset; 0 for a snapshot
  bool snapshot = false;          ///< the reader must forget everything first
  std::size_t block = 0, row = 0; ///< the next row to look at
  std::uint64_t told = 0;         ///< changed rows passed so far
};

/// Whether a view can tell a reader at this position what has changed since.
[[nodiscard]] bool resumable(const view_snapshot& view, std::uint64_t epoch, std::uint64_t position) noexcept;

/// The delivery that brings a reader at (epoch, position) to `to`: what changed, or a snapshot if that can't
/// be told (another epoch, a position below the floor or ahead).
[[nodiscard]] delivery deliver(snapshot_ptr to, std::uint64_t epoch, std::uint64_t position);
[[nodiscard]] delivery deliver_snapshot(snapshot_ptr to);

/// One push without its opening `{"sub":N,`; the same for all readers that stand at the same place.
struct frame {
  std::string body;
  delivery rest; ///< what remains after it
  bool last = true;
  std::uint64_t merged = 0;
  std::chrono::nanoseconds cost{}; ///< processor time that it took to make, with a filter
};

/// A filter works so long for a frame; what is left comes with the next one, and others get their turn.
inline constexpr std::chrono::milliseconds filter_turn{50};

/// Encodes the next part of a delivery: rows until their JSON passes `limit` bytes, or the filter has worked
/// for `turn` (at least one).
///
/// `where` may be empty. A changed row that does not match is told as removed: the reader may have had it
/// when it still matched. In a snapshot it is left out. Only the last frame carries the position reached; the
/// ones before it carry `more` and the position that the reader can still resume from.
[[nodiscard]] frame encode_frame(const delivery& d, const row_predicate& where, std::size_t limit,
                                 std::chrono::nanoseconds turn = filter_turn);

} // namespace tidemill
