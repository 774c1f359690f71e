#pragma once

#include "event/frozen_state.hpp"
#include "pipeline/exchange_intake.hpp"
#include "pipeline/partition.hpp"
#include "pipeline/step_set.hpp"
#include "pipeline/time_guard.hpp"
#include "pipeline/view_feed.hpp"

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// What a partition knows: a function of the records below its position and of the journal; all of it goes
/// into checkpoints.
struct partition_state {
  /// `source` must outlive it.
  partition_state(const source_plan& source, bool has_arrival_times);

  time_guard guard;
  bool ended = false;
  partition_counts counts;
  std::set<offset> skips; ///< records to come that are to be dead letters
  std::vector<lost_stretch> lost;
  std::vector<std::string> versions; ///< of the tables, by number; empty: none yet
  std::vector<std::unique_ptr<view_feed>> feeds;
  std::unique_ptr<exchange_intake> exchange; ///< where events come from other sources; else null
  step_set steps;

  [[nodiscard]] event_time watermark() const noexcept;
  /// So many records were lost. They are of a time that is not final yet, and how far they reach only the
  /// next record tells.
  void lose(std::uint64_t records);
  /// The first record after a gap is of time `t`: one before it, further ahead than this, would have made it
  /// late.
  void end_gap(event_time t) noexcept;

  /// All of it as it is now: costs pointers.
  [[nodiscard]] std::shared_ptr<const frozen_state> freeze() const;
  /// Into a fresh one, what `freeze` made; see `partition::restore`.
  status restore(std::string_view core, const stored_pieces& pieces,
                 const std::function<bool(const std::string& view)>& known);

private:
  [[nodiscard]] std::string core() const;
  status restore_core(std::string_view bytes, const std::function<bool(const std::string&)>& known);
  status restore_piece(std::string_view piece, const std::function<bool(const std::string&)>& known);

  const source_plan& source_;
};

} // namespace tidemill
