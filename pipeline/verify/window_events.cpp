#include "pipeline/verify/window_events.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

namespace tidemill {

bool canonical_before(const counted_event& a, const counted_event& b) noexcept {
  return std::tie(a.slice, a.from, a.block, a.row) < std::tie(b.slice, b.from, b.block, b.row);
}

window_events::window_events(const view_plan& what, const event_blocks& blocks,
                             std::vector<const counted_event*> all)
    : what_(what), blocks_(blocks), all_(std::move(all)) {
  std::ranges::sort(all_, [](const auto* a, const auto* b) { return canonical_before(*a, *b); });
}

void window_events::add_up(accumulator& total) const {
  std::vector<std::uint32_t> rows;
  std::vector<std::byte*> states;
  for (auto from = all_.begin(); from != all_.end();) {
    const auto number = (*from)->block;
    auto to = std::find_if(from, all_.end(), [&](const auto* e) { return e->block != number; });
    rows.clear();
    for (; from != to; ++from)
      rows.push_back((*from)->row);
    const auto& block = blocks_.at(number);
    for (std::size_t i = 0; i < what_.layout->parts(); ++i) {
      const auto& reads = what_.reads[i];
      states.assign(rows.size(), total.data() + what_.layout->offset(i));
      what_.layout->part(i).update(states,
                                   {reads.argument ? &block.inputs[*reads.argument] : nullptr,
                                    reads.by ? &block.inputs[*reads.by] : nullptr, block.times.data()},
                                   rows);
    }
  }
}

std::uint64_t window_events::count(std::size_t part, std::string_view encoded) const {
  const auto& argument = what_.reads.at(part).argument;
  std::uint64_t n = 0;
  std::string bytes;
  for (const auto* e : all_) {
    if (!argument)
      break;
    bytes.clear();
    append_encoded(bytes, blocks_.at(e->block).inputs[*argument], e->row);
    n += bytes == encoded ? 1 : 0;
  }
  return n;
}

double window_events::noise() const {
  double greatest = 0;
  for (const auto* e : all_)
    for (const auto& input : blocks_.at(e->block).inputs)
      if (input.of().is(kind::real) && !input.is_null(e->row))
        if (auto x = std::fabs(input.as<double>()[e->row]); std::isfinite(x))
          greatest = std::max(greatest, x);
  return static_cast<double>(all_.size()) * std::numeric_limits<double>::epsilon() * greatest;
}

} // namespace tidemill
