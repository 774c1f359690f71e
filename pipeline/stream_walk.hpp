#pragma once

#include "pipeline/event_tap.hpp"
#include "pipeline/record_intake.hpp"
#include "pipeline/row_taker.hpp"
#include "pipeline/spread_rows.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

namespace tidemill {

/// The way of events through the steps of all streams of a source, into the panes of its views and out to
/// sinks.
class stream_walk {
public:
  /// All must outlive it.
  stream_walk(const source_plan& source, partition_state& state, outlet& out);

  /// Steps see this version of a table from now on.
  void set_table(std::size_t number, table_ptr version) { tables_.at(number) = std::move(version); }
  /// The views' events go there and not into panes; null: into panes.
  void divert(row_taker* to) noexcept { taker_ = to; }
  /// `watcher` looks on, if there is one. What the events keep in memory is let go afterwards.
  void run(judged_events& judged, event_tap* watcher);

private:
  struct stream_rows {
    event_batch* events;
    const std::vector<event_time>* watermarks;
    std::span<const std::uint32_t> roots{}; ///< as of `spread_rows`, if a step has made them
  };
  void run_steps(std::size_t stream, event_tap* watcher);
  [[nodiscard]] stream_rows make_rows(step& by, std::size_t stream, std::size_t i);
  void feed_views(const removal_batch& removals);

  const source_plan& source_;
  partition_state& state_;
  outlet& out_;
  table_set tables_;
  row_taker* taker_ = nullptr;
  // Of the events at work; kept for their room.
  std::vector<stream_rows> rows_of_; // by stream: what it has passed are rows of
  std::vector<selection> passed_;    // by stream
  std::vector<cel::row_error> failed_;
  std::map<std::pair<std::size_t, std::size_t>, spread_rows> spread_; // by stream and step that makes rows
};

} // namespace tidemill
