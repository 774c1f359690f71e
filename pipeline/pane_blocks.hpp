#pragma once

#include "event/ids.hpp"
#include "pipeline/aggregate.hpp"
#include "pipeline/counted.hpp"
#include "pipeline/late_counts.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

namespace tidemill {

/// Some panes side by side: what is copied when one of them changes while others still read it.
class pane_chunk {
public:
  /// `layout` must outlive the chunk.
  explicit pane_chunk(const accumulator_layout& layout) noexcept : layout_(&layout) {}
  pane_chunk(const pane_chunk& other);
  pane_chunk& operator=(const pane_chunk&) = delete;
  ~pane_chunk();

  /// Adds places until there are `panes`, of `most` in the end. Moves the others.
  void grow(std::size_t panes, std::size_t most);
  [[nodiscard]] std::size_t panes() const noexcept { return panes_; }

  [[nodiscard]] std::byte* state(std::size_t i) const noexcept {
    return memory_.get() + room_ * per_pane + layout_->size() * i;
  }
  /// The offset of the last change; 0: it is only a place, with an empty state and no key.
  [[nodiscard]] offset& changed_at(std::size_t i) const noexcept {
    return reinterpret_cast<offset*>(memory_.get())[i];
  }
  [[nodiscard]] std::uint32_t& key(std::size_t i) const noexcept {
    return reinterpret_cast<std::uint32_t*>(memory_.get() + room_ * sizeof(offset))[i];
  }
  [[nodiscard]] const late_counts& late(std::size_t i) const noexcept;
  [[nodiscard]] late_counts& late(std::size_t i);

private:
  // `room_` offsets, as many keys, as many states; room_ is even, so states are 8-aligned.
  static constexpr std::size_t per_pane = sizeof(offset) + sizeof(std::uint32_t);
  friend class counted<pane_chunk>;

  std::atomic<std::uint32_t> refs{1};
  std::uint32_t panes_ = 0, room_ = 0;
  const accumulator_layout* layout_;
  std::unique_ptr<std::byte[]> memory_;
  std::unique_ptr<std::map<std::uint32_t, late_counts>> late_; // by pane; nearly always null
};

/// Chunks side by side: what is shared when a table is frozen.
struct pane_block {
  static constexpr std::size_t size = 16; ///< chunks

  pane_block() = default;
  pane_block(const pane_block& other) : chunks(other.chunks), newest(other.newest) {}

  std::atomic<std::uint32_t> refs{1};
  std::uint32_t own = 0; ///< bit c: chunk c belongs to this block alone
  std::array<counted<pane_chunk>, size> chunks;
  std::array<offset, size> newest{}; ///< by chunk: its highest `changed_at`
};

/// The panes of one slice by number, in the order of their first event. A copy shares all of them; then who
/// changes one copies its chunk before, if the other still has it.
class slice_blocks {
public:
  explicit slice_blocks(const accumulator_layout& layout) noexcept
      : layout_(&layout), bits_(layout.flat() ? 6 : 4) {}

  [[nodiscard]] std::size_t panes() const noexcept { return panes_; }
  struct place {
    pane_chunk* in = nullptr;
    std::size_t at = 0;
  };
  /// A pane that may be changed; those up to it that don't exist become places. Until the next copy of these
  /// blocks the chunk stays where it is; its states move when it grows.
  place writable(std::size_t pane);
  /// The same; it is changed by the record that ends at `at`.
  place change(std::size_t pane, offset at);

  /// Calls `each(chunk, number of its first pane)` for chunks with changes above `since`, in order.
  template <class Each>
  void for_each_chunk(offset since, Each&& each) const {
    for (std::size_t b = 0; b < blocks_.size(); ++b)
      for (std::size_t c = 0; blocks_[b] && c < pane_block::size; ++c)
        if (const auto& block = *blocks_[b]; block.newest[c] > since)
          each(static_cast<const pane_chunk&>(*block.chunks[c]), (b * pane_block::size + c) << bits_);
  }

private:
  const accumulator_layout* layout_;
  unsigned bits_;                           // a chunk has 64 panes, or 16 where copying a pane is dear
  std::vector<counted<pane_block>> blocks_; // null: nobody has asked for its panes
  std::size_t panes_ = 0;
};

} // namespace tidemill
