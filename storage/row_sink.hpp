#pragma once

#include "event/result.hpp"
#include "event/rows.hpp"

#include <utility>
#include <vector>

namespace tidemill {

/// Keeps an outside store equal to a view. One thread, the sink's own; calls may block.
/// `unavailable` is retried with backoff; after an error the sink is asked to `repair` first.
class view_mirror {
public:
  virtual ~view_mirror() = default;
  /// Highest epoch that the store has seen of this view; 0 if it can't be asked (yet).
  [[nodiscard]] virtual result<std::uint64_t> stored_epoch(const view_schema& view) = 0;
  /// Applies changes; with `recovered == false` the store ends with exactly these rows.
  virtual status apply(const view_snapshot& view, const changes& delta) = 0;
  /// The store's position. If it isn't the one last applied (flushed, failed over, another writer), the
  /// caller starts again with all rows. Errors: `refused` if a newer epoch holds the store.
  [[nodiscard]] virtual result<std::uint64_t> stored_offset(const view_snapshot& view) = 0;
};

/// The rows of windows, by window end.
using sealed_windows = std::vector<std::pair<event_time, std::vector<row_ptr>>>;

/// Receives every sealed row of a view, in order of window end, then key: each exactly once.
class sealed_sink {
public:
  virtual ~sealed_sink() = default;
  /// The end of the last window held durably and completely; `time_min` if none. Called once, first.
  [[nodiscard]] virtual result<event_time> resume(const view_schema& view) = 0;
  /// All rows of whole windows, by window end, ascending; windows held already are skipped. Durable on
  /// return: many windows cost as much as one.
  virtual status write(const view_schema& view, const sealed_windows& windows) = 0;
  /// As above, for one window.
  status write(const view_schema& view, event_time window_end, const std::vector<row_ptr>& rows) {
    return write(view, sealed_windows{{window_end, rows}});
  }
};

} // namespace tidemill
