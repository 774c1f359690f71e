#pragma once

#include "event/ids.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <deque>
#include <limits>

namespace tidemill {

/// What the sinks of a rule have of its entries: those that one of them lacks stay in the log. Feeders tell,
/// the view asks, on any threads.
class alert_hold {
public:
  /// One more sink, which has nothing yet, and its number. Before anybody else knows of this.
  std::size_t add() {
    has_.emplace_back(0);
    return has_.size() - 1;
  }
  /// A sink has all entries below this place (`place_in_sink`).
  void note(std::size_t sink, offset place) noexcept { has_[sink].store(place, std::memory_order_relaxed); }
  /// What all sinks have; without any, everything.
  [[nodiscard]] offset least() const noexcept {
    auto least = std::numeric_limits<offset>::max();
    for (const auto& place : has_)
      least = std::min(least, place.load(std::memory_order_relaxed));
    return least;
  }

private:
  std::deque<std::atomic<offset>> has_; // by sink
};

} // namespace tidemill
