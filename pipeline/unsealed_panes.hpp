#pragma once

#include "event/ids.hpp"
#include "pipeline/accumulator_array.hpp"
#include "pipeline/aggregate.hpp"
#include "pipeline/late_counts.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tidemill {

/// The panes of one slice that a view has not sealed yet: a cell per key, in it a pane per partition.
///
/// They lie in a few vectors in the order of their arrival, which is slice by slice: merging a flush walks
/// through memory, where a node per pane would be a miss per pane.
class unsealed_panes {
public:
  explicit unsealed_panes(const accumulator_layout& layout) : states_(layout) {}

  /// The number of a new cell without panes: 0, 1, …
  std::uint32_t add();
  [[nodiscard]] std::size_t size() const noexcept { return cells_.size(); }

  /// Replaces the pane of a partition. False: the bytes are damaged, and nothing may be asked any more.
  [[nodiscard]] bool replace(std::uint32_t cell, partition_id from, std::string_view state, late_counts late);
  /// Calls `each(state, late)` for the panes of a cell in the order of partitions.
  template <class Each>
  void for_each(std::uint32_t cell, Each each) const {
    static const late_counts none_late;
    for (auto p = cells_[cell].first; p != none; p = panes_[p].next) {
      auto late = late_.empty() ? late_.end() : late_.find(p);
      each(states_[p], late == late_.end() ? none_late : late->second);
    }
  }

private:
  static constexpr std::uint32_t none = 0xffff'ffff;
  struct pane {
    partition_id from{};
    std::uint32_t next = none; // of the same cell, of a greater partition
  };
  struct chain {
    std::uint32_t first = none, last = none;
  };
  std::uint32_t find_or_add(chain& in, partition_id from);

  std::vector<chain> cells_;
  std::vector<pane> panes_;
  accumulator_array states_; // of the panes
  std::unordered_map<std::uint32_t, late_counts> late_;
};

} // namespace tidemill
