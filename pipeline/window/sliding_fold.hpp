#pragma once

#include "pipeline/accumulator_array.hpp"
#include "pipeline/aggregate.hpp"
#include "pipeline/slice_list.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

namespace tidemill {

/// The aggregate of a sliding window of `length` slices for one key, at a cost that doesn't depend on
/// `length`.
///
/// Slices are grouped in blocks of `length` at slice numbers divisible by it (floor division, so also below
/// 0). A window [first, first + length) covers the end of one block and the start of the next: the suffix
/// from `first` merged with the prefix through its last slice, each computed once per slice by one merge (van
/// Herk 1992; two-stacks of Tangwongsan et al. 2017 with the flip at fixed places). So the same slices give
/// the same bits, whatever was asked before and after a restart. Absent slices are skipped.
///
/// Suffixes take the places of the slices that they are made of: once a window has left the start of a block
/// that is complete, nothing needs the slices themselves.
class sliding_fold {
public:
  sliding_fold(layout_ptr layout, std::int64_t length);
  /// The state, still empty, of a slice newer than all before; valid until the next call.
  std::byte* push(std::int64_t slice);
  /// Forgets slices below `first`; windows to come begin there or later.
  void drop_below(std::int64_t first);
  /// Makes `into` the merge of the slices held within [first, first + length), oldest part first; false, and
  /// `into` as it was, if none is there. `through`: no slice up to there will come any more. Windows that end
  /// by then are asked for in ascending order, later ones, which are provisional, in any.
  bool window(std::int64_t first, std::int64_t through, accumulator& into);
  /// Whether a slice within [first, last] is held.
  [[nodiscard]] bool any_within(std::int64_t first, std::int64_t last) const;
  [[nodiscard]] bool empty() const noexcept { return slices_.empty(); }
  [[nodiscard]] std::int64_t newest() const noexcept { return slices_.back().slice; } ///< if not empty

  /// What a restart needs: the slices held, ascending, their states, and how many of them, the oldest, are
  /// suffixes by now.
  struct held_slice {
    std::int64_t slice = 0;
  };
  [[nodiscard]] std::span<const held_slice> slices() const { return slices_.all(); }
  [[nodiscard]] const std::byte* state(std::size_t i) const noexcept { return states_[i]; }
  [[nodiscard]] std::size_t joined() const { return place_of(joined_ + 1); }
  /// After all slices have been pushed again; false: there are not so many.
  [[nodiscard]] bool set_joined(std::size_t n);

private:
  [[nodiscard]] std::int64_t block_of(std::int64_t slice) const noexcept;
  [[nodiscard]] std::int64_t block_end(std::int64_t slice) const noexcept; ///< its last slice
  [[nodiscard]] std::size_t place_of(std::int64_t first) const; ///< of the oldest slice ≥ `first`
  void join_block(std::int64_t end);
  const std::byte* prefix(std::int64_t last);

  layout_ptr layout_;
  std::int64_t length_;
  slice_list<held_slice> slices_;
  accumulator_array states_; // of the slices; up to `joined_` of all from there to the end of the block
  std::int64_t joined_ = std::numeric_limits<std::int64_t>::min(); // the end of a block
  // A cache: the slices from the start of a block through `prefix_through_`. Empty: of no block.
  accumulator prefix_;
  std::int64_t prefix_begin_ = 0, prefix_through_ = 0;
};

} // namespace tidemill
