#pragma once

#include "pipeline/aggregate.hpp"

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace tidemill {

/// The aggregate of a sliding window of `length` slices for one key, at a cost that doesn't depend on
/// `length`.
///
/// Slices are grouped in blocks of `length` at slice numbers divisible by it (floor division, so also below
/// 0). A window [first, first + length) covers the end of one block and the start of the next: suffix(first)
/// merged with prefix(last), each computed once per slice by one merge (van Herk 1992; two-stacks of
/// Tangwongsan et al. 2017 with the flip at fixed places). So the same slices give the same bits, whatever
/// was asked before and after a restart. Absent slices are skipped. Slices are appended in ascending order;
/// older ones are dropped.
class sliding_fold {
public:
  sliding_fold(layout_ptr layout, std::int64_t length);
  /// Appends the final accumulator of a slice newer than all before.
  void push(std::int64_t slice, accumulator a);
  /// Forgets slices below `first`.
  void drop_below(std::int64_t first);
  /// Merges the slices held within [first, first + length) into `into`, oldest part first; false if none is
  /// there.
  bool window(std::int64_t first, accumulator& into);
  [[nodiscard]] bool empty() const noexcept;
  [[nodiscard]] std::int64_t newest() const noexcept; ///< only if not empty
  /// The raw slices held, ascending: what a restart needs.
  [[nodiscard]] const std::map<std::int64_t, accumulator>& slices() const noexcept;

private:
  [[nodiscard]] std::int64_t block_of(std::int64_t slice) const noexcept;
  const accumulator* suffix(std::int64_t first);
  const accumulator* prefix(std::int64_t block, std::int64_t last);

  layout_ptr layout_;
  std::int64_t length_;
  std::map<std::int64_t, accumulator> slices_;

  // Caches, rebuilt on demand. Suffixes of the block last asked for, from its end downwards to the oldest
  // asked for: the back is the oldest.
  std::vector<std::pair<std::int64_t, accumulator>> suffixes_;
  std::int64_t suffix_block_ = 0;
  // One running prefix: of its block, through the slice `prefix_through_`.
  accumulator prefix_;
  std::int64_t prefix_block_ = 0;
  std::int64_t prefix_through_ = 0;
};

} // namespace tidemill
