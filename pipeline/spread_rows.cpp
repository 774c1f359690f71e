#include "pipeline/spread_rows.hpp"

#include <numeric>

namespace tidemill {
namespace {

constexpr std::size_t usual_rows = 65'536;

} // namespace

void spread_rows::make(step& by, const event_batch& from, const std::vector<event_time>& from_watermarks,
                       std::span<const std::uint32_t> from_roots, std::size_t columns,
                       std::vector<cel::row_error>& failures) {
  clear();
  by.spread(from, from_roots, events, origins_, failures);
  events.columns.resize(columns);
  events.partition = from.partition;
  events.memory = from.memory;
  events.records.reserve(origins_.size());
  events.times.reserve(origins_.size());
  watermarks.reserve(origins_.size());
  roots.reserve(origins_.size());
  for (auto row : origins_) {
    events.records.push_back(from.records[row]);
    events.times.push_back(from.times[row]);
    watermarks.push_back(from_watermarks[row]);
    roots.push_back(from_roots.empty() ? row : from_roots[row]);
  }
  events.selected.resize(origins_.size());
  std::iota(events.selected.begin(), events.selected.end(), 0u);
}

void spread_rows::clear() {
  if (events.rows() > usual_rows)
    *this = {};
  events.clear();
  watermarks.clear();
  roots.clear();
  origins_.clear();
}

} // namespace tidemill
