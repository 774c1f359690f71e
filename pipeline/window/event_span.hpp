#pragma once

#include "event/time.hpp"
#include "pipeline/aggregate.hpp"

#include <algorithm>
#include <cstddef>

namespace tidemill {

/// The first and the last of some event times.
struct event_span {
  event_time first = time_max, last = time_min;

  void add(event_time t) noexcept {
    first = std::min(first, t);
    last = std::max(last, t);
  }
  void merge(const event_span& from) noexcept {
    first = std::min(first, from.first);
    last = std::max(last, from.last);
  }
  void save(byte_writer& out) const;
  [[nodiscard]] bool load(byte_reader& in);
  [[nodiscard]] std::size_t heap_bytes() const noexcept { return 0; }
};

/// The times of the events that an accumulator has seen. It gives no result: the state is read by `span_in`.
[[nodiscard]] aggregate_ptr make_span();
/// The state of such an aggregate.
[[nodiscard]] const event_span& span_in(const std::byte* at) noexcept;

} // namespace tidemill
