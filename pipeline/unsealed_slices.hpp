#pragma once

#include "pipeline/by_key.hpp"
#include "pipeline/panes.hpp"
#include "pipeline/slice_list.hpp"
#include "pipeline/unsealed_panes.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace tidemill {

/// Where a key's panes in an unsealed slice are.
struct pane_place {
  std::int64_t slice = 0;
  unsealed_panes* in = nullptr;
  std::uint32_t cell = 0;
};

/// The panes of all slices that a view has not sealed yet. `State` knows of a key, in `unsealed`, the places
/// of its panes.
template <class State>
class unsealed_slices {
public:
  explicit unsealed_slices(const accumulator_layout& layout) : layout_(layout) {}

  [[nodiscard]] bool empty() const noexcept { return slices_.empty(); }
  /// Of slices that aren't empty.
  [[nodiscard]] std::int64_t first() const { return slices_.begin()->first; }
  [[nodiscard]] std::int64_t last() const { return slices_.rbegin()->first; }

  /// Replaces the pane of (slice, key, partition). False: its bytes are damaged.
  [[nodiscard]] bool replace(State& k, const pane_image& pane, partition_id from) {
    const auto* place = k.unsealed.find(pane.slice);
    if (place == nullptr) {
      auto& in = at(pane.slice);
      in.keys.push_back(&k);
      place = &k.unsealed.add({pane.slice, &in.panes, in.panes.add()});
    }
    return place->in->replace(place->cell, from, pane.state, pane.late);
  }
  /// The keys with panes in a slice, in their order.
  [[nodiscard]] std::vector<State*> keys_in(std::int64_t slice) const {
    const auto in = slices_.find(slice);
    auto keys = in == slices_.end() ? std::vector<State*>{} : in->second->keys;
    sort_by_key(std::span{keys});
    return keys;
  }
  /// Forgets the first slice; `keys`: those in it.
  void drop(std::int64_t slice, std::span<State* const> keys) {
    for (auto* k : keys)
      k->unsealed.pop_front();
    slices_.erase(slice);
    latest_ = {};
  }

private:
  struct one_slice {
    explicit one_slice(const accumulator_layout& layout) : panes(layout) {}
    unsealed_panes panes;
    std::vector<State*> keys; // by cell
  };
  one_slice& at(std::int64_t slice) {
    if (latest_.second != nullptr && latest_.first == slice)
      return *latest_.second;
    auto& made = slices_[slice];
    if (!made)
      made = std::make_unique<one_slice>(layout_);
    latest_ = {slice, made.get()};
    return *made;
  }

  const accumulator_layout& layout_;
  std::map<std::int64_t, std::unique_ptr<one_slice>> slices_;
  std::pair<std::int64_t, one_slice*> latest_{}; // asked for last, if not null
};

} // namespace tidemill
