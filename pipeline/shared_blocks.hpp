#pragma once

#include "pipeline/counted.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace tidemill {

/// Values side by side that a copy shares: who changes one copies its block before, if another still has it.
/// A copy may be read by any thread while this one changes.
template <class T>
class shared_blocks {
public:
  static constexpr std::size_t block_size = 256;

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] const T& operator[](std::size_t i) const noexcept {
    return blocks_[i / block_size]->items[i % block_size];
  }
  /// To be changed at once.
  [[nodiscard]] T& change(std::size_t i) {
    auto& b = blocks_[i / block_size];
    if (!b.alone())
      b = counted<block>{new block{*b}};
    return b->items[i % block_size];
  }
  /// Adds an empty value.
  void grow() {
    if (size_ % block_size == 0)
      blocks_.emplace_back(new block{});
    ++size_;
  }

private:
  struct block {
    block() = default;
    block(const block& other) : items(other.items) {}
    std::atomic<std::uint32_t> refs{1};
    std::array<T, block_size> items{};
  };
  std::vector<counted<block>> blocks_;
  std::size_t size_ = 0;
};

} // namespace tidemill
