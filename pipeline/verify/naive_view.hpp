#pragma once

#include "event/batch.hpp"
#include "event/rows.hpp"
#include "pipeline/plan.hpp"
#include "pipeline/verify/window_events.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tidemill {

/// The final rows of a view by the plain way: every event that counts is kept, and when a window is final
/// each key's accumulators are filled anew, event by event, in the canonical order (slice, partition,
/// offset). No panes, nothing merged, nothing folded, no state but the events.
///
/// It shares with the running path: the plan, `where` and the inputs of aggregates as column kernels, the
/// accumulators' `update` and `finish`, the expressions over their results, models, calendars. Which events
/// a window has, where sessions begin and end, which rows there are, and revisions are its own.
///
/// Memory: each event from the first window that isn't final on, once, with its inputs and 48 bytes more.
/// Not thread-safe.
class naive_view {
public:
  /// Events of windows outside [from, to) need not be kept: rows of such windows may come or not, and mean
  /// nothing.
  struct scope {
    event_time from = time_min, to = time_max;
  };
  naive_view(const view_plan& what, scope wanted);

  /// Whether there is a plain way for such windows: endless rows are never final.
  [[nodiscard]] static bool covers(window_kind k) noexcept { return k < window_kind::global; }

  /// Rows of the view's stream, as `row_taker::take` gets them; of one partition in the order of offsets.
  void take(const event_batch& batch, const selection& rows, const std::vector<event_time>& watermarks);

  struct result {
    row_ptr row;
    const window_events& events;
  };
  /// Rows of windows that are final at this watermark, the least of all partitions, and weren't before. The
  /// result is valid during the call.
  void seal(event_time watermark, const std::function<void(const result&)>& each);
  /// Whether a row of this window is final at a watermark.
  [[nodiscard]] bool is_final(event_time window_end, event_time watermark) const noexcept;

  [[nodiscard]] std::size_t events() const noexcept { return events_; }

private:
  struct key_events {
    std::vector<counted_event> events;
    event_time oldest = time_max, newest = time_min;
    bool had = false; ///< the last window had events
    std::vector<std::unique_ptr<detector>> models;
    event_time last_row = time_min; ///< the end of the last window that the models have seen
  };
  using keys = std::map<std::string, key_events, std::less<>>;
  /// Events [from, to) of a key, by time.
  struct session {
    std::size_t from = 0, to = 0;
    event_time begin{}, end{};
  };

  [[nodiscard]] bool sliding() const noexcept { return window_.slide < window_.size; }
  /// The first window, by number, that ends after `t`.
  [[nodiscard]] std::int64_t first_after(event_time t) const noexcept;
  [[nodiscard]] event_time begin_of(std::int64_t window) const noexcept;
  [[nodiscard]] event_time end_of(std::int64_t window) const noexcept;
  [[nodiscard]] std::optional<std::int64_t> next_window() const;
  void seal_window(std::int64_t window, const std::function<void(const result&)>& each);
  [[nodiscard]] std::vector<session> sessions_of(key_events& k) const;
  [[nodiscard]] bool seal_sessions(const std::string& key, key_events& k, event_time watermark,
                                   const std::function<void(const result&)>& each);
  void emit(const std::string& key, key_events& k, row r, std::vector<const counted_event*> of,
            const std::function<void(const result&)>& each);
  void score(key_events& k, row& r) const;
  /// Whether models that have seen a key's last row are new ones for a window that ends then.
  [[nodiscard]] bool begins_anew(const key_events& k, event_time window_end) const;
  void forget(key_events& k, const std::function<bool(const counted_event&)>& gone);

  const view_plan& what_;
  const window_plan& window_;
  event_time keep_from_, keep_to_;
  keys keys_;
  event_blocks blocks_;
  std::size_t events_ = 0;
  std::optional<std::int64_t> next_; ///< the first window that isn't final
  std::vector<value> slots_;
};

} // namespace tidemill
