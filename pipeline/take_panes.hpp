#pragma once

#include "pipeline/key_set.hpp"
#include "pipeline/panes.hpp"

#include <array>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace tidemill {

/// Calls `each(pane, hash of its key)` for the panes of a flush that are of slices > `sealed_through`, in
/// order: what is of others comes again and is final already. Throws if the bytes are damaged, or if `each`
/// says so with false.
///
/// Keys lie all over the memory: what is needed of the next ones comes while others are looked at.
template <class State, class Each>
void take_panes(partition_id from, std::span<const std::string> pieces, const key_set<State>& keys,
                std::int64_t sealed_through, Each each) {
  constexpr std::size_t at_once = 32;
  std::vector<pane_image> some;
  std::array<std::uint64_t, at_once> hashes{};
  some.reserve(at_once);
  auto take_some = [&] {
    for (std::size_t i = 0; i < some.size(); ++i)
      keys.fetch_slot(hashes[i] = keys.hash_of(some[i].key));
    for (std::size_t i = 0; i < some.size(); ++i)
      keys.fetch_state(hashes[i]);
    auto sound = true;
    for (std::size_t i = 0; i < some.size() && sound; ++i)
      sound = each(some[i], hashes[i]);
    some.clear();
    return sound;
  };
  for (const auto& piece : pieces) {
    const auto sound = for_each_pane(piece, [&](const pane_image& pane) {
      if (pane.slice > sealed_through)
        some.push_back(pane);
      return some.size() < at_once || take_some();
    });
    if (!sound || !take_some())
      throw std::logic_error{"a flush of partition " + std::to_string(to_index(from)) + " doesn't decode"};
  }
}

} // namespace tidemill
