#include "pipeline/window/sliding_fold.hpp"

#include <algorithm>
#include <iterator>

namespace tidemill {

sliding_fold::sliding_fold(layout_ptr layout, std::int64_t length)
    : layout_(std::move(layout)), length_(length) {}

void sliding_fold::push(std::int64_t slice, accumulator a) {
  if (!suffixes_.empty() && slice >= suffixes_.back().first && block_of(slice) == suffix_block_)
    suffixes_.clear();
  if (!prefix_.empty() && slice <= prefix_through_)
    prefix_ = {};
  slices_.insert_or_assign(slice, std::move(a));
}

void sliding_fold::drop_below(std::int64_t first) {
  auto kept = slices_.lower_bound(first);
  if (kept == slices_.begin())
    return;
  // The running prefix can't give up its oldest part; suffixes can.
  if (auto newest = std::prev(kept)->first; !prefix_.empty() && block_of(newest) >= prefix_block_)
    prefix_ = {};
  slices_.erase(slices_.begin(), kept);
  while (!suffixes_.empty() && suffixes_.back().first < first)
    suffixes_.pop_back();
}

bool sliding_fold::window(std::int64_t first, accumulator& into) {
  // A window at the start of a block is that block: a prefix, which grows as slices come.
  auto last = first + length_ - 1;
  const auto* older = block_of(first) == block_of(last) ? nullptr : suffix(first);
  const auto* newer = prefix(block_of(last), last);
  if (older != nullptr)
    into.merge(*older);
  if (newer != nullptr)
    into.merge(*newer);
  return older != nullptr || newer != nullptr;
}

bool sliding_fold::empty() const noexcept {
  return slices_.empty();
}

std::int64_t sliding_fold::newest() const noexcept {
  return slices_.rbegin()->first;
}

const std::map<std::int64_t, accumulator>& sliding_fold::slices() const noexcept {
  return slices_;
}

std::int64_t sliding_fold::block_of(std::int64_t slice) const noexcept {
  return slice / length_ - (slice % length_ < 0 ? 1 : 0);
}

// The slices from `first` to the end of its block, or null. The oldest suffix wanted so far is the start of
// the next older one; so each is one merge, whatever order windows are asked in.
const accumulator* sliding_fold::suffix(std::int64_t first) {
  auto block = block_of(first);
  if (suffix_block_ != block) {
    suffixes_.clear();
    suffix_block_ = block;
  }
  auto it = slices_.lower_bound(suffixes_.empty() ? (block + 1) * length_ : suffixes_.back().first);
  while (it != slices_.begin() && std::prev(it)->first >= first) {
    --it;
    auto a = it->second.clone();
    if (!suffixes_.empty())
      a.merge(suffixes_.back().second);
    suffixes_.emplace_back(it->first, std::move(a));
  }
  // The oldest one at or after `first`: the back, unless older windows were asked for before.
  auto at = std::ranges::lower_bound(suffixes_.rbegin(), suffixes_.rend(), first, {},
                                     [](const auto& s) { return s.first; });
  return at == suffixes_.rend() ? nullptr : &at->second;
}

// The slices from the start of `block` through `last`, or null.
const accumulator* sliding_fold::prefix(std::int64_t block, std::int64_t last) {
  if (!prefix_.empty() && (prefix_block_ != block || prefix_through_ > last))
    prefix_ = {};
  auto it = prefix_.empty() ? slices_.lower_bound(block * length_) : slices_.upper_bound(prefix_through_);
  for (; it != slices_.end() && it->first <= last; ++it) {
    if (prefix_.empty())
      prefix_ = accumulator{layout_};
    prefix_.merge(it->second);
    prefix_block_ = block;
    prefix_through_ = it->first;
  }
  return prefix_.empty() ? nullptr : &prefix_;
}

} // namespace tidemill
