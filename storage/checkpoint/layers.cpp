#include "storage/checkpoint/layers.hpp"

#include <algorithm>
#include <numeric>

namespace tidemill {

std::uint64_t state_layer::bytes() const noexcept {
  std::uint64_t n = 0;
  for (const auto& p : packs)
    n += p.bytes;
  return n;
}

namespace {

std::uint64_t bytes_of(const std::vector<state_layer>& stack) noexcept {
  std::uint64_t n = 0;
  for (const auto& l : stack)
    n += l.bytes();
  return n;
}

bool mostly_dead(std::uint64_t stored, std::uint64_t live, const layer_limits& limits) noexcept {
  return static_cast<double>(live) < (1 - limits.dead_share) * static_cast<double>(stored);
}

} // namespace

bool should_tidy(const std::vector<state_layer>& stack, std::uint64_t entries,
                 const layer_limits& limits) noexcept {
  if (bytes_of(stack) <= limits.small)
    return stack.size() >= limits.few;
  std::uint64_t stored = 0;
  for (const auto& l : stack)
    stored += l.entries;
  return stack.size() >= limits.layers || mostly_dead(stored, entries, limits);
}

std::vector<std::size_t> choose_layers(const std::vector<state_layer>& stack,
                                       const std::vector<std::uint64_t>& live, const layer_limits& limits) {
  std::vector<std::size_t> all(stack.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  if (bytes_of(stack) <= limits.small && stack.size() >= limits.few)
    return all;
  if (stack.size() >= limits.layers) {
    std::ranges::stable_sort(all, {}, [&](std::size_t i) { return live[i]; });
    all.resize(stack.size() / 2);
    std::ranges::sort(all);
    return all;
  }
  auto share = [&](std::size_t i) {
    return static_cast<double>(live[i]) / static_cast<double>(std::max<std::uint64_t>(1, stack[i].entries));
  };
  std::ranges::stable_sort(all, {}, share);
  std::uint64_t stored = 0, alive = 0;
  for (std::size_t i = 0; i < stack.size(); ++i) {
    stored += stack[i].entries;
    alive += live[i];
  }
  std::vector<std::size_t> dropped;
  for (auto i : all)
    if (live[i] == 0 || mostly_dead(stored, alive, limits)) {
      stored -= stack[i].entries - std::min(live[i], stack[i].entries);
      dropped.push_back(i);
    }
  std::ranges::sort(dropped);
  return dropped;
}

std::vector<std::uint64_t> count_live(const std::vector<state_layer>& stack, const frozen_state& state) {
  std::vector<std::pair<offset_range, std::size_t>> all;
  for (std::size_t i = 0; i < stack.size(); ++i)
    for (const auto& r : stack[i].ranges)
      all.emplace_back(r, i);
  std::ranges::sort(all, {}, [](const auto& r) { return r.first.after; });
  std::vector<offset_range> ranges;
  for (const auto& [r, i] : all)
    ranges.push_back(r);
  auto counts = state.count(ranges);
  std::vector<std::uint64_t> live(stack.size());
  for (std::size_t n = 0; n < all.size(); ++n)
    live[all[n].second] += counts[n];
  return live;
}

std::vector<offset_range> joined(std::vector<offset_range> ranges) {
  std::ranges::sort(ranges, {}, &offset_range::after);
  std::vector<offset_range> out;
  for (const auto& r : ranges)
    if (!out.empty() && out.back().upto == r.after)
      out.back().upto = r.upto;
    else if (r.after < r.upto)
      out.push_back(r);
  return out;
}

} // namespace tidemill
