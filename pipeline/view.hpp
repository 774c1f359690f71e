#pragma once

#include "event/alerts.hpp"
#include "event/rows.hpp"
#include "pipeline/link.hpp"
#include "pipeline/plan.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tidemill {

/// What one tick of a view brought. The driver, in this order: appends `log` to the view log, syncs it if
/// `sync`, hands `put` … `prefix` to the publisher and `sealed` to the sinks, sends `acks`.
struct view_tick {
  std::vector<std::string> log;
  bool sync = false;
  std::vector<row_ptr> put;    ///< new or changed rows, any state
  std::vector<row_ptr> remove; ///< rows that are gone, before `put`
  bool whole = false;          ///< `put` are all rows there are: others that readers know are gone
  /// Final rows by window end, ascending; rows by key.
  std::vector<std::pair<event_time, std::vector<row_ptr>>> sealed;
  event_time trim = time_min; ///< rows of windows ended at or before this are gone
  event_time watermark = time_min;
  std::vector<offset> prefix; ///< per partition, what the rows contain
  bool recovering = false;    ///< not every partition has told its panes yet: nothing was published
  std::vector<std::pair<partition_id, link_ack>> acks;
  std::vector<alert_snapshot_ptr> alerts; ///< of the rules, in the order of the plan; null: nothing changed
};

/// A view merges the panes of all partitions, closes and seals windows. Pure: no clock, no I/O.
///
/// It keeps one pane per (slice, key, partition), replaces it, and merges in the order of partition numbers.
/// Its watermark is the minimum over all partitions. A window is closed when the watermark passes its end,
/// sealed when it passes end + lateness: then its rows are final and go to the view log. Scores of closed
/// rows are provisional as their counts are; a model learns from sealed rows only, each window once, in
/// window order.
///
///     recover(record)… → open(p) for every partition → receive | tick | open …
class view {
public:
  /// `alert_epoch`: of logs of alerts that are not in the view log yet.
  view(std::shared_ptr<const plan> all, std::size_t source, std::size_t index, std::size_t partitions,
       std::uint64_t incarnation, std::uint64_t alert_epoch = 1);
  ~view();

  /// One record of the view log, in order, before anything else. Errors: `corrupt`, `mismatch` (written by
  /// another definition of the view).
  status recover(std::string_view record);
  /// The whole durable state as log records: the head of a new segment, after which older ones may go.
  [[nodiscard]] std::vector<std::string> head() const;
  /// Retained sealed rows of windows ending after `after`, by window end.
  [[nodiscard]] std::vector<std::pair<event_time, std::vector<row_ptr>>> sealed_after(event_time after) const;
  /// Rows of windows that ended at or before this are not retained any more.
  [[nodiscard]] event_time trimmed() const noexcept;
  /// All rows that are published now, sealed or not: for a publisher that lost its own.
  [[nodiscard]] std::vector<row_ptr> rows() const;
  /// The logs of the rules, in the order of the plan.
  [[nodiscard]] std::vector<alert_snapshot_ptr> alerts() const;

  /// Opens a link to a new incarnation of a worker.
  [[nodiscard]] link_hello open(partition_id p, std::uint64_t worker);
  /// Takes a piece of a flush; true if it completed one. Pieces of other links are dropped. Throws on damaged
  /// bytes (a bug).
  bool receive(const link_flush& piece);
  /// Seals, closes and composes what is due since the last tick. `open`: also rows of open windows (`emit:
  /// every`).
  [[nodiscard]] view_tick tick(bool open);

  /// Entries of a rule's log from this one on stay, whatever bounds it, up to `alert_book::most_waiting`: a
  /// sink hasn't got them.
  void keep_entries(std::size_t rule, std::uint64_t from) noexcept;
  /// Sealed rows of windows ending after `end` stay, whatever `retain` says: a sink hasn't got them.
  void keep_after(event_time end) noexcept;

  [[nodiscard]] event_time watermark() const noexcept;
  [[nodiscard]] event_time watermark(partition_id p) const noexcept;
  [[nodiscard]] std::int64_t sealed_through() const noexcept;
  [[nodiscard]] bool recovering() const noexcept;
  /// Every partition has ended and every window is sealed.
  [[nodiscard]] bool finished() const noexcept;

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace tidemill
