#pragma once

#include "event/rows.hpp"

#include <memory>
#include <span>
#include <vector>

namespace tidemill {

/// Numbers the changes of one view and keeps its current rows as an immutable snapshot.
///
/// Removed rows stay as gravestones, for readers that were away. There are never more than rows and
/// `least_gravestones` together: then the older half goes, and positions from before it can't be resumed.
///
/// Rows lie in blocks in the order (window_end, window_start, key); a tick replaces the blocks it touches,
/// all others are shared with older snapshots. So readers need no lock, and "changed since" costs the changed
/// blocks.
///
/// The JSON of rows is made ahead, once for all readers, unless a tick brings very many: a view that was read
/// back, or catches up. Then most of them are never looked at, and readers make what they need.
class publication {
public:
  static constexpr std::size_t block_rows = 256;
  static constexpr std::size_t least_gravestones = 16'384;
  static constexpr std::size_t most_made_ahead = 2'000; ///< rows of a tick

  publication(std::shared_ptr<const view_schema> schema, std::uint64_t epoch, std::size_t partitions);

  /// What one tick changes.
  struct tick {
    std::span<const row_ptr> put{}; ///< in any order; of several versions of one row the last counts
    event_time trim = time_min;
    event_time watermark = time_min;
    std::vector<offset> prefix{};
    std::vector<partial_reason> partial{};
    std::span<const row_ptr> remove{}; ///< before `put`; those that aren't there are passed over
  };
  /// Applies a tick; the changes of one tick become visible together. Rows equal to the published ones change
  /// nothing.
  const snapshot_ptr& apply(const tick& t);
  /// As `apply`, and rows not among `put` are removed: after the view itself has started anew.
  const snapshot_ptr& reset(const tick& t);
  /// Only says why the rows may be incomplete.
  const snapshot_ptr& mark(std::vector<partial_reason> partial);

  [[nodiscard]] const snapshot_ptr& current() const noexcept { return current_; }

private:
  void put_rows(view_snapshot& next, std::span<const row_ptr> rows) const;
  void remove_rows(view_snapshot& next, std::span<const row_ptr> rows);
  void forget_gravestones(view_snapshot& next);

  snapshot_ptr current_;
  std::size_t gravestones_ = 0; ///< about how many there are: trimming takes some without counting
};

} // namespace tidemill
