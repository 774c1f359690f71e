#include "pipeline/window/sliding_fold.hpp"

#include <utility>

namespace tidemill {

sliding_fold::sliding_fold(layout_ptr layout, std::int64_t length)
    : layout_(std::move(layout)), length_(length), states_(*layout_) {}

std::byte* sliding_fold::push(std::int64_t slice) {
  slices_.add({slice});
  return states_.add();
}

void sliding_fold::drop_below(std::int64_t first) {
  std::size_t gone = 0;
  for (; !slices_.empty() && slices_.front().slice < first; ++gone)
    slices_.pop_front();
  if (gone > 0)
    states_.drop_front(gone);
}

bool sliding_fold::any_within(std::int64_t first, std::int64_t last) const {
  auto rest = slices_.since(first);
  return !rest.empty() && rest.front().slice <= last;
}

bool sliding_fold::window(std::int64_t first, std::int64_t through, accumulator& into) {
  const auto last = first + length_ - 1;
  auto any = false;
  auto take = [&](const std::byte* state) {
    std::exchange(any, true) ? into.merge(state) : assign(*layout_, into.data(), state);
  };
  // A window at the start of a block is that block: a prefix, which grows as slices come.
  if (const auto end = block_end(first); end != last) {
    const auto held = slices_.all();
    auto i = place_of(first);
    if (end <= through) {
      join_block(end);
      if (i < held.size() && held[i].slice <= end)
        take(states_[i]);
    } else {
      for (; i < held.size() && held[i].slice <= end; ++i)
        take(states_[i]);
    }
  }
  if (const auto* newer = prefix(last))
    take(newer);
  return any;
}

bool sliding_fold::set_joined(std::size_t n) {
  if (n > slices().size())
    return false;
  if (n > 0)
    joined_ = block_end(slices()[n - 1].slice);
  return true;
}

std::int64_t sliding_fold::block_of(std::int64_t slice) const noexcept {
  return slice / length_ - (slice % length_ < 0 ? 1 : 0);
}

std::int64_t sliding_fold::block_end(std::int64_t slice) const noexcept {
  return (block_of(slice) + 1) * length_ - 1;
}

std::size_t sliding_fold::place_of(std::int64_t first) const {
  return slices_.all().size() - slices_.since(first).size();
}

void sliding_fold::join_block(std::int64_t end) {
  if (joined_ >= end)
    return;
  const auto held = slices_.all();
  for (auto i = place_of(end + 1); i-- > 1 && held[i - 1].slice > end - length_;)
    layout_->merge(states_[i - 1], states_[i]);
  joined_ = end;
}

// The slices from the start of the block of `last` through it, or null.
const std::byte* sliding_fold::prefix(std::int64_t last) {
  const auto held = slices_.all();
  const auto begin = block_end(last) - length_ + 1;
  if (held.empty() || held.back().slice < begin)
    return nullptr; // asked for a provisional window, this must not cost the prefix that is needed next
  if (prefix_.empty() || prefix_begin_ != begin || prefix_through_ > last) {
    if (prefix_.empty())
      prefix_ = accumulator{layout_};
    prefix_.reset();
    prefix_begin_ = begin;
    prefix_through_ = begin - 1;
  }
  auto i = held.size();
  while (i > 0 && held[i - 1].slice > prefix_through_)
    --i;
  for (; i < held.size() && held[i].slice <= last; ++i) {
    prefix_.merge(states_[i]);
    prefix_through_ = held[i].slice;
  }
  return prefix_through_ >= begin ? prefix_.data() : nullptr;
}

} // namespace tidemill
