#pragma once

#include "event/alerts.hpp"
#include "event/bytes.hpp"
#include "event/result.hpp"
#include "pipeline/plan.hpp"

#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// The state of one rule of a view: which keys are pending or firing, and the log of their transitions.
///
/// A function of the rows that it is shown: every window once, in order, with the rows of all keys. A key
/// that had a row, or is pending or firing, and has none now gets one of empty aggregates. A key that is
/// neither and has had no row for two windows is forgotten, so what is kept is in proportion to the rows of a
/// window.
///
/// Everything that readers may hear of is in a log record first: `take_record` after each change, and
/// `head_record` for the beginning of a new segment. Pure: no clock, no I/O.
class alert_book {
public:
  static constexpr std::size_t most_entries = 10'000;    ///< of the log, whatever `retain` says
  static constexpr std::size_t most_waiting = 1'000'000; ///< of entries that a sink lacks

  /// `epoch`: of the log, if none is read back.
  alert_book(const view_plan& view, const alert_plan& rule, std::uint64_t epoch);

  [[nodiscard]] const alert_plan& rule() const noexcept { return rule_; }
  /// The windows that ended up to here have been looked at; `time_min`: none yet.
  [[nodiscard]] event_time through() const noexcept { return through_; }
  /// Whether a window without any rows could matter.
  [[nodiscard]] bool waiting() const noexcept { return !before_.empty(); }
  /// Looks at the next window. `rows`: all that it has, by key.
  void look_at(event_time start, event_time end, std::span<const row_ptr> rows);
  /// The record of the view's log with what has changed since the last call; empty: nothing. `entries` is set
  /// if there are new ones: then it must be durable before `snapshot` is shown.
  [[nodiscard]] std::string take_record(bool& entries);
  [[nodiscard]] std::string head_record() const;
  /// A sink lacks the entries from this one on: they stay.
  void keep_from(std::uint64_t entry) noexcept { keep_from_ = entry; }
  /// The rule that a record belongs to; empty if it can't be read.
  [[nodiscard]] static std::string_view rule_of(std::string_view record);
  /// A record of this rule, in order. One that was written for another condition is passed over. Errors:
  /// `corrupt`.
  status recover(std::string_view record);
  /// Whether `remember` is due: once after records were read back, before anything else is looked at.
  [[nodiscard]] bool must_remember() const noexcept { return must_remember_; }
  /// The rows of the window that ended at `through`, and of the one before; by key.
  void remember(event_time start, std::span<const row_ptr> last, std::span<const row_ptr> before);

  [[nodiscard]] alert_snapshot_ptr snapshot() const;

  static constexpr char record_mark = 'A'; ///< the first byte of records

private:
  /// A row as it was looked at; `missing`: it is made of empty aggregates.
  struct looked_at {
    row_ptr data;
    bool missing = false;
  };
  /// A pending or firing key.
  struct active_key {
    alert_entry_ptr newest;
    event_time held{}; ///< the last window for which the condition held
    event_time seen{}; ///< the last window with a row
  };

  [[nodiscard]] row_ptr empty_row(const std::string& key, event_time start, event_time end) const;
  void judge(const looked_at& now, const row* before);
  void note(const row_ptr& r, alert_state state, alert_state was, event_time since, std::string message);
  void trim();
  [[nodiscard]] std::vector<value> slots_of(const row& now, const row* before) const;
  [[nodiscard]] std::string begin_record(bool whole) const;
  void write_entry(byte_writer& out, const alert_entry& e) const;
  [[nodiscard]] alert_entry_ptr read_entry(byte_reader& in) const;
  void write_key(byte_writer& out, const std::string& key, bool whole) const;
  [[nodiscard]] bool recover_key(byte_reader& in);

  const view_plan& view_;
  const alert_plan& rule_;
  std::uint64_t epoch_;
  event_time through_ = time_min;
  std::vector<looked_at> before_; ///< of the window that was looked at last, by key
  std::map<std::string, active_key, std::less<>> active_;
  std::uint64_t begin_ = 0;
  std::deque<alert_entry_ptr> log_;
  std::uint64_t recorded_ = 0;                    ///< entries below are in a record
  event_time recorded_through_ = time_min;        ///< as far as records tell
  std::set<std::string, std::less<>> unrecorded_; ///< active keys that changed, or are no longer active
  std::uint64_t failures_ = 0;
  std::uint64_t keep_from_ = std::numeric_limits<std::uint64_t>::max();
  bool must_remember_ = false;
};

} // namespace tidemill
