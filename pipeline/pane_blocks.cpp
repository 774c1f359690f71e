#include "pipeline/pane_blocks.hpp"

#include <algorithm>
#include <cstring>

namespace tidemill {

pane_chunk::pane_chunk(const pane_chunk& other) : pane_chunk(*other.layout_) {
  room_ = other.room_;
  memory_ = std::make_unique_for_overwrite<std::byte[]>(room_ * (per_pane + layout_->size()));
  std::memcpy(memory_.get(), other.memory_.get(), room_ * per_pane);
  if (other.late_)
    late_ = std::make_unique<std::map<std::uint32_t, late_counts>>(*other.late_);
  if (layout_->flat()) {
    panes_ = other.panes_;
    std::memcpy(state(0), other.state(0), panes_ * layout_->size());
    return;
  }
  for (; panes_ < other.panes_; ++panes_)
    layout_->copy(state(panes_), other.state(panes_));
}

pane_chunk::~pane_chunk() {
  if (!layout_->flat())
    for (std::size_t i = 0; i < panes_; ++i)
      layout_->destroy(state(i));
}

void pane_chunk::grow(std::size_t panes, std::size_t most) {
  if (panes > room_) {
    // By doubling: most slices of most views hold few keys. Accumulators move by memcpy.
    auto room =
        std::min(most, std::max({std::size_t{4}, std::size_t{room_} * 2, (panes + 1) & ~std::size_t{1}}));
    pane_chunk larger{*layout_};
    larger.room_ = static_cast<std::uint32_t>(room);
    larger.memory_ = std::make_unique<std::byte[]>(room * (per_pane + layout_->size()));
    for (std::size_t i = 0; i < panes_; ++i) {
      larger.changed_at(i) = changed_at(i);
      larger.key(i) = key(i);
    }
    if (panes_ > 0)
      std::memcpy(larger.state(0), state(0), panes_ * layout_->size());
    std::swap(room_, larger.room_);
    std::swap(memory_, larger.memory_);
  }
  for (; panes_ < panes; ++panes_)
    layout_->construct(state(panes_));
}

const late_counts& pane_chunk::late(std::size_t i) const noexcept {
  static const late_counts none;
  if (!late_)
    return none;
  auto it = late_->find(static_cast<std::uint32_t>(i));
  return it == late_->end() ? none : it->second;
}

late_counts& pane_chunk::late(std::size_t i) {
  if (!late_)
    late_ = std::make_unique<std::map<std::uint32_t, late_counts>>();
  return (*late_)[static_cast<std::uint32_t>(i)];
}

slice_blocks::place slice_blocks::writable(std::size_t pane) {
  auto c = pane >> bits_;
  auto b = c / pane_block::size;
  c %= pane_block::size;
  if (b >= blocks_.size())
    blocks_.resize(b + 1);
  if (!blocks_[b])
    blocks_[b] = counted{new pane_block};
  else if (!blocks_[b].alone())
    blocks_[b] = counted{new pane_block{*blocks_[b]}};
  auto& block = *blocks_[b];
  auto& chunk = block.chunks[c];
  if ((block.own >> c & 1) == 0) {
    if (!chunk)
      chunk = counted{new pane_chunk{*layout_}};
    else if (!chunk.alone())
      chunk = counted{new pane_chunk{*chunk}};
    block.own |= 1u << c;
  }
  auto at = pane & ((std::size_t{1} << bits_) - 1);
  if (at >= chunk->panes())
    chunk->grow(at + 1, std::size_t{1} << bits_);
  panes_ = std::max(panes_, pane + 1);
  return {&*chunk, at};
}

slice_blocks::place slice_blocks::change(std::size_t pane, offset at) {
  auto found = writable(pane);
  found.in->changed_at(found.at) = at;
  auto c = pane >> bits_;
  auto& newest = blocks_[c / pane_block::size]->newest[c % pane_block::size];
  newest = std::max(newest, at);
  return found;
}

} // namespace tidemill
