#include "pipeline/pane_index.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace tidemill {
namespace {

constexpr std::size_t few_ids = 1024; // an array of them is cheap anyway
// A table costs 16 bytes a pane, an array 4 bytes an id. Between the two bounds what there is stays.
constexpr std::size_t ids_for_array = 4, ids_for_table = 16; // for each pane

} // namespace

template <class Each>
void pane_index::for_each(Each each) const {
  for (std::uint32_t key = 0; key < by_id_.size(); ++key)
    if (by_id_[key] != none)
      each(key, by_id_[key]);
  for (const auto& s : slots_)
    if (s.pane != none)
      each(s.key, s.pane);
}

void pane_index::rehash(std::size_t slots) {
  pane_index made;
  made.slots_.resize(slots);
  for_each([&](std::uint32_t key, std::uint32_t pane) { made.slots_[made.place_of(key)] = {key, pane}; });
  slots_ = std::move(made.slots_);
  by_id_ = std::vector<std::uint32_t>{}; // `= {}` would keep the room
  hashed_ = true;
}

void pane_index::make_array(std::size_t ids) {
  std::vector<std::uint32_t> made(ids, none);
  for_each([&](std::uint32_t key, std::uint32_t pane) { made[key] = pane; });
  by_id_ = std::move(made);
  slots_ = std::vector<slot>{};
  hashed_ = false;
}

void pane_index::add(std::uint32_t key, std::uint32_t pane, std::size_t ids) {
  ids = std::max<std::size_t>(ids, std::size_t{key} + 1);
  ++panes_;
  if (hashed_ && panes_ * ids_for_array >= ids)
    make_array(ids);
  else if (!hashed_ && key >= by_id_.size() && ids > few_ids && panes_ * ids_for_table < ids)
    rehash(std::bit_ceil(2 * panes_));
  else if (hashed_ && 2 * panes_ > slots_.size())
    rehash(2 * slots_.size());
  if (hashed_) {
    slots_[place_of(key)] = {key, pane};
    return;
  }
  if (key >= by_id_.size())
    by_id_.resize(ids, none);
  by_id_[key] = pane;
}

} // namespace tidemill
