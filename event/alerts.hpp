#pragma once

#include "event/rows.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// Of one key under one rule. `pending`: the condition holds, but not for long enough yet; `resolved`: it has
/// ceased to hold, or, after `pending`, never held for long enough.
enum class alert_state : std::uint8_t { resolved, pending, firing };
[[nodiscard]] std::string_view to_string(alert_state s) noexcept;

/// What a reader may know of a rule before it sees entries.
struct alert_schema {
  std::string name;
  std::string severity;
  std::string when;                        ///< as written
  microseconds hold{};                     ///< `for`
  std::shared_ptr<const view_schema> view; ///< whose rows it watches
};

/// A transition. An alert is identified by rule, key and `since`; its entries say what became of it.
struct alert_entry {
  std::uint64_t offset = 0; ///< its number in the rule's log, from 0; < 2^53
  alert_state state = alert_state::resolved, was = alert_state::resolved;
  event_time since{};  ///< end of the first window for which the condition held without a break
  row_ptr data;        ///< the row that brought the transition; a missing one is made of empty aggregates
  std::string message; ///< empty: the rule makes none, or it could not be made
  std::string json{};  ///< `to_json`, made once for all readers
};
using alert_entry_ptr = std::shared_ptr<const alert_entry>;

/// The JSON object of an entry: offset, alert, severity, state, was, since, message if there is one, and
/// `row` as readers of the view get it. No line end.
[[nodiscard]] std::string to_json(const alert_schema& rule, const alert_entry& e);

/// The log of one rule at one moment: immutable, shared by all readers. Everything in it is durable.
struct alert_snapshot {
  std::shared_ptr<const alert_schema> rule;
  std::uint64_t epoch = 0;               ///< of the log: kept over restarts; another one is another log
  std::uint64_t begin = 0;               ///< offset of the oldest entry that is kept
  std::vector<alert_entry_ptr> log{};    ///< by offset, without gaps
  std::vector<alert_entry_ptr> active{}; ///< the newest entry of each pending or firing key, by key
  event_time evaluated = time_min;       ///< windows that ended up to here have been looked at
  std::uint64_t failures = 0; ///< rows for which the condition failed since the start of the process

  [[nodiscard]] std::uint64_t end() const noexcept { return begin + log.size(); }
};
using alert_snapshot_ptr = std::shared_ptr<const alert_snapshot>;

/// Where a rule's current log can be read from any thread, without waiting for an actor.
class alert_cell {
public:
  explicit alert_cell(alert_snapshot_ptr first) : current_(std::move(first)) {}
  [[nodiscard]] alert_snapshot_ptr load() const { return current_.load(); }
  void store(alert_snapshot_ptr next) { current_.store(std::move(next)); }

private:
  std::atomic<alert_snapshot_ptr> current_;
};

} // namespace tidemill
