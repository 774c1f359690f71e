#pragma once

#include "pipeline/aggregate.hpp"

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace tidemill {

/// Makes a state a copy of another one.
inline void assign(const accumulator_layout& layout, std::byte* to, const std::byte* from) {
  layout.destroy(to);
  layout.copy(to, from);
}

/// States of one layout, one after the other in one piece of memory: added at the end, dropped at the front.
/// The layout must outlive it.
class accumulator_array {
public:
  explicit accumulator_array(const accumulator_layout& layout)
      : layout_(&layout), words_(layout.size() / sizeof(std::uint64_t)) {}
  ~accumulator_array() { destroy(0, size_); }
  accumulator_array(accumulator_array&& other) noexcept
      : layout_(other.layout_), words_(other.words_), states_(std::move(other.states_)),
        from_(std::exchange(other.from_, 0)), size_(std::exchange(other.size_, 0)) {}
  accumulator_array& operator=(accumulator_array&& other) noexcept {
    std::swap(layout_, other.layout_);
    std::swap(words_, other.words_);
    std::swap(states_, other.states_);
    std::swap(from_, other.from_);
    std::swap(size_, other.size_);
    return *this;
  }

  [[nodiscard]] const accumulator_layout& layout() const noexcept { return *layout_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::byte* operator[](std::size_t i) noexcept {
    return reinterpret_cast<std::byte*>(states_.data() + (from_ + i) * words_);
  }
  [[nodiscard]] const std::byte* operator[](std::size_t i) const noexcept {
    return reinterpret_cast<const std::byte*>(states_.data() + (from_ + i) * words_);
  }

  /// An empty state behind all others, which move.
  std::byte* add() {
    states_.resize((from_ + size_ + 1) * words_); // moves the others as bytes, which accumulators allow
    auto* made = (*this)[size_];
    layout_->construct(made);
    ++size_;
    return made;
  }
  /// Drops the first `n`.
  void drop_front(std::size_t n) {
    destroy(0, n);
    from_ += n;
    size_ -= n;
    if (from_ < size_)
      return;
    // What is gone is moved over only when it is half of all.
    states_.erase(states_.begin(), states_.begin() + static_cast<std::ptrdiff_t>(from_ * words_));
    from_ = 0;
  }

private:
  void destroy(std::size_t from, std::size_t to) noexcept {
    if (!layout_->flat())
      for (auto i = from; i < to; ++i)
        layout_->destroy((*this)[i]);
  }

  const accumulator_layout* layout_;
  std::size_t words_;
  std::vector<std::uint64_t> states_;
  std::size_t from_ = 0, size_ = 0;
};

} // namespace tidemill
