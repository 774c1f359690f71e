#pragma once

#include "event/frozen_state.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tidemill {

/// Some of the entries that were written at once, as one blob.
struct state_pack {
  std::uint64_t number = 0, token = 0; ///< of the save that wrote it
  std::uint32_t index = 0;             ///< among its packs
  std::uint64_t bytes = 0;
  std::uint64_t hash = 0; ///< `hash64` of the bytes
  friend bool operator==(const state_pack&, const state_pack&) = default;
};

/// What one save has written: the entries whose last change lay in `ranges`. A stored state is a stack of
/// layers whose ranges don't overlap and cover all offsets up to its own; an entry that was changed since is
/// still in the older layer, too, and is dead there. So are those that the state has forgotten.
struct state_layer {
  std::vector<offset_range> ranges; ///< ascending
  std::uint64_t entries = 0;
  std::vector<state_pack> packs;
  [[nodiscard]] std::uint64_t bytes() const noexcept;
};

/// Which layers are dropped when a state is saved: their live entries are written again, with the changes.
///
/// A layer is written again only when most of what is stored is dead, and then the one that has the least
/// live entries. So each byte written for a change costs at most 1/dead_share bytes in the end, and what is
/// stored is at most 1/(1 - dead_share) of what lives.
///
///     three layers of 100 entries, live 10, 80, 100 of 300 (dead 37 %)   → none
///     live 5, 10, 70 (dead 72 %)                                         → the first; the rest is 60 % dead
struct layer_limits {
  double dead_share = 0.7;
  std::size_t layers = 512;        ///< from here on the smaller half becomes one
  std::uint64_t small = 64u << 10; ///< bytes: a stack of less becomes one layer when it has `few`
  std::size_t few = 16;
};
/// Whether `choose_layers` should be asked, given how many entries the state has.
[[nodiscard]] bool should_tidy(const std::vector<state_layer>& stack, std::uint64_t entries,
                               const layer_limits& limits) noexcept;
/// Indexes of layers to drop; `live[i]`: how many entries of layer i are not dead.
[[nodiscard]] std::vector<std::size_t> choose_layers(const std::vector<state_layer>& stack,
                                                     const std::vector<std::uint64_t>& live,
                                                     const layer_limits& limits);

/// Counts the live entries of each layer.
[[nodiscard]] std::vector<std::uint64_t> count_live(const std::vector<state_layer>& stack,
                                                    const frozen_state& state);
/// Sorted, those that touch become one.
[[nodiscard]] std::vector<offset_range> joined(std::vector<offset_range> ranges);

} // namespace tidemill
