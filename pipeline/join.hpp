#pragma once

#include "event/ids.hpp"
#include "event/result.hpp"
#include "event/time.hpp"
#include "pipeline/join_side.hpp"
#include "pipeline/plan.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// A joined event: records of the exchange's log, which stay where they are until the next call of `begin`.
struct joined {
  std::string_view left, right; ///< `right` is empty: it has found no partner
  event_time time{};            ///< the later one's; of `as_of` and without partner the left's
};

/// Pairs events of two sides by key and time, as `join_plan` says; state of one partition.
///
/// Exact for events that come while they may: which pairs there are depends on keys and times alone, not on
/// the order in which the events come. Who waits is freed by the watermark:
///
///     left, right:  may meet while  right ∈ [left − before, left + after]
///     a left event goes when the watermark is past left + after, a right one past right + before
///     as of: a left event waits until the watermark is past its time, then takes the latest right at or
///     before it; of right events that the watermark has passed, a key needs the latest alone
class joiner {
public:
  explicit joiner(const join_plan& how) : how_(how) {}

  /// Forgets what earlier calls have handed out.
  void begin() { gone_.clear(); }
  /// An event of side 0 or 1; `has_null`: its key equals no other. `at`: the offset after its record.
  /// Errors: `event_late`, `full`; the event isn't kept.
  status accept(std::size_t side, join_row row, bool has_null, const join_place& place, offset at,
                std::vector<joined>& out);
  /// Events before `watermark` (less the lateness) won't come any more.
  void advance(event_time watermark, std::vector<joined>& out);

  /// No event before this will come out.
  [[nodiscard]] event_time watermark() const noexcept;

  [[nodiscard]] const join_side& side(std::size_t i) const noexcept { return sides_[i]; }
  /// Before all else: where the watermark was.
  void restore(event_time watermark);
  /// An event of a checkpoint; those that are not needed any more are passed over, and those that are there.
  void restore(std::size_t side, join_row row, const join_place& place, offset at, bool matched);
  void finish_restore();

private:
  void pair_left(std::uint32_t number, offset at, std::vector<joined>& out);
  void pair_right(std::uint32_t number, offset at, std::vector<joined>& out);
  void emit_as_of(const join_side::slot& left, std::vector<joined>& out) const;
  void remove(std::size_t side, std::uint32_t number);
  /// A key needs no event of the right before this one, which the watermark has passed.
  void supersede(std::uint32_t number);
  void supersede_passed(event_time from);
  /// The time up to which events of a side are given up at a watermark.
  [[nodiscard]] bool is_over(std::size_t side, event_time t) const noexcept;
  void free_side(std::size_t side, std::vector<joined>& out);

  const join_plan& how_;
  event_time low_ = time_min; ///< the watermark less the lateness
  std::array<join_side, 2> sides_;
  std::vector<std::shared_ptr<const join_row>> gone_; ///< handed out, and removed
};

/// `t + by`, but for the ends of time.
[[nodiscard]] event_time shifted(event_time t, microseconds by) noexcept;

} // namespace tidemill
