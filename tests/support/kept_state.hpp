#pragma once

#include "event/frozen_state.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace tidemill::test {

/// A stored state in memory: what was written at once, newest first.
struct kept_state {
  struct write {
    std::vector<offset_range> ranges;
    std::vector<std::string> pieces;
    friend bool operator==(const write&, const write&) = default;
  };
  std::string core;
  std::vector<write> writes;
  friend bool operator==(const kept_state&, const kept_state&) = default;

  [[nodiscard]] stored_pieces pieces() const {
    return [this](const auto& each) -> status {
      for (const auto& w : writes)
        for (const auto& piece : w.pieces)
          TIDEMILL_CHECK(each(piece));
      return {};
    };
  }
};

/// Writes the entries of these ranges; nothing if there are none.
inline kept_state::write write_ranges(const frozen_state& state, std::vector<offset_range> ranges,
                                      std::size_t piece_bytes = 1u << 20) {
  std::ranges::sort(ranges, {}, &offset_range::after);
  kept_state::write w{std::move(ranges), {}};
  (void)state.write(w.ranges, piece_bytes, [&](std::string_view piece, std::uint64_t) -> status {
    w.pieces.emplace_back(piece);
    return {};
  });
  return w;
}

/// The whole state: equal for equal states.
inline kept_state keep_all(const frozen_state& state) {
  return {state.core(), {write_ranges(state, {{0, std::numeric_limits<offset>::max()}})}};
}

/// What a store keeps that has `before` already, which was saved at `before_at`: what has changed since, and
/// any of the earlier writes again.
inline kept_state keep_changes(const frozen_state& state, offset at, const kept_state& before,
                               offset before_at, std::mt19937_64& random) {
  kept_state after{state.core(), {}};
  std::vector<offset_range> ranges;
  if (before_at < at)
    ranges.push_back({before_at, at});
  for (const auto& w : before.writes)
    if (random() % 4 == 0)
      ranges.insert(ranges.end(), w.ranges.begin(), w.ranges.end());
    else
      after.writes.push_back(w);
  after.writes.insert(after.writes.begin(), write_ranges(state, ranges, 1 + random() % 400));
  return after;
}

} // namespace tidemill::test
