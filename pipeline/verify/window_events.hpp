#pragma once

#include "event/column.hpp"
#include "event/ids.hpp"
#include "event/time.hpp"
#include "pipeline/aggregate.hpp"
#include "pipeline/plan.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// An event that counts in a view, and where its inputs are.
struct counted_event {
  event_time at{};
  event_time watermark{}; ///< of its partition, before it
  std::int64_t slice = 0;
  partition_id from{};
  std::uint32_t row = 0; ///< in its block
  std::uint64_t block = 0;
};
/// The order in which events are added up: by slice, partition, offset.
[[nodiscard]] bool canonical_before(const counted_event& a, const counted_event& b) noexcept;

/// Inputs of events that came together: what aggregates read, by row.
struct event_block {
  std::vector<column> inputs;
  std::vector<event_time> times;
  std::size_t events = 0; ///< still needed
};
/// By number, ascending as they came.
using event_blocks = std::map<std::uint64_t, event_block>;

/// The events of a key in a window, in the order in which they are added up.
class window_events {
public:
  window_events(const view_plan& what, const event_blocks& blocks, std::vector<const counted_event*> all);

  [[nodiscard]] const std::vector<const counted_event*>& all() const noexcept { return all_; }
  /// Fills a fresh accumulator.
  void add_up(accumulator& total) const;
  /// How often an encoded value is the argument of a part of the layout.
  [[nodiscard]] std::uint64_t count(std::size_t part, std::string_view encoded) const;
  /// How far sums of real inputs may differ when they are added up in another order: events · 2^-52 · the
  /// greatest magnitude.
  [[nodiscard]] double noise() const;

private:
  const view_plan& what_;
  const event_blocks& blocks_;
  std::vector<const counted_event*> all_;
};

} // namespace tidemill
