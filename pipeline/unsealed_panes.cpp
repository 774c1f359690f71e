#include "pipeline/unsealed_panes.hpp"

#include <stdexcept>

namespace tidemill {

std::uint32_t unsealed_panes::add() {
  cells_.emplace_back();
  return static_cast<std::uint32_t>(cells_.size() - 1);
}

std::uint32_t unsealed_panes::find_or_add(chain& in, partition_id from) {
  auto before = none; // the last pane of a lesser partition
  if (in.last != none && panes_[in.last].from < from) {
    before = in.last;
  } else {
    for (auto p = in.first; p != none && panes_[p].from <= from; p = panes_[p].next) {
      if (panes_[p].from == from)
        return p;
      before = p;
    }
  }
  if (panes_.size() >= none)
    throw std::length_error{"too many panes in one slice"};
  auto made = static_cast<std::uint32_t>(panes_.size());
  states_.add();
  panes_.push_back({from, before == none ? in.first : panes_[before].next});
  (before == none ? in.first : panes_[before].next) = made;
  if (panes_[made].next == none)
    in.last = made;
  return made;
}

bool unsealed_panes::replace(std::uint32_t cell, partition_id from, std::string_view state,
                             late_counts late) {
  auto known = panes_.size();
  auto p = find_or_add(cells_[cell], from);
  auto* to = states_[p];
  const auto& layout = states_.layout();
  if (p < known) {
    layout.destroy(to);
    layout.construct(to);
  }
  if (!late.empty())
    late_[p] = std::move(late);
  else if (!late_.empty())
    late_.erase(p);
  byte_reader in{state};
  return layout.load(to, in) && in.at_end();
}

} // namespace tidemill
