#pragma once

#include "event/ids.hpp"
#include "event/schema.hpp"
#include "event/time.hpp"
#include "event/value.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// `open`: the window may still get events; `closed`: the watermark has passed its end; `sealed`: it
/// has passed end + lateness, the row never changes again.
enum class row_state : std::uint8_t { open, closed, sealed };
[[nodiscard]] std::string_view to_string(row_state s) noexcept;

/// One result: a key of a view in one window.
struct row {
  event_time window_start{}, window_end{};
  std::string key;            ///< encoded `by` values (`append_encoded`), unique within a window
  std::vector<value> columns; ///< `by`, then `select`, then scores; as in `view_schema::columns`
  row_state state = row_state::open;
  std::uint32_t revision = 0; ///< records counted after the watermark of their partition passed `window_end`
  friend bool operator==(const row&, const row&) = default;
};
using row_ptr = std::shared_ptr<const row>;

/// What the windows of a view are. `global` and `latest` views have none: one row per key, see `endless`.
enum class window_kind : std::uint8_t { sliced, calendar, session, global, latest };

/// What a reader may know of a view before it sees rows.
struct view_schema {
  std::string name;
  std::vector<field> columns; ///< by, select, scores
  std::size_t by = 0;         ///< how many of `columns` are the key
  std::size_t scores = 0;     ///< how many, at the end, are scores
  window_kind window = window_kind::sliced;
  microseconds size{}; ///< of a calendar about that; of sessions the gap; of endless rows 0
  microseconds slide{}, offset{}, lateness{}, retain{};
  std::string calendar, timezone; ///< `week`, `Europe/Berlin`

  /// Rows have no window: it is from `time_min` to `time_max`, and null in JSON.
  [[nodiscard]] bool endless() const noexcept { return window >= window_kind::global; }
};

/// The flat JSON object of a row: window_start, window_end, columns, state, revision. No line end.
[[nodiscard]] std::string to_json(const view_schema& view, const row& r);

/// Part of an answer that is missing or old.
struct partial_reason {
  std::string partition; ///< `source/3`, or empty: the whole view
  std::string why;       ///< `recovering`, `stopped: …`
  event_time since{};    ///< wall clock
};

/// A row as published, or the gravestone of one.
struct published_row {
  row_ptr data;              ///< never null; a removed row keeps its identity here
  std::uint64_t changed = 0; ///< the offset of its last change
  bool removed = false;
  /// `to_json`, made once at publication and shared by all readers; null after a tick of very many rows: then
  /// each reader makes its own.
  std::shared_ptr<const std::string> json;
};

/// A run of published rows in the order (window_end, window_start, key). Immutable.
struct row_block {
  std::vector<published_row> rows;
  std::uint64_t changed = 0; ///< the newest `changed` in it
};

/// A view at one moment: immutable, shared by HTTP, WebSocket, Redis and sinks. Copies are cheap: blocks are
/// shared, a change replaces the blocks it touches.
struct view_snapshot {
  std::shared_ptr<const view_schema> schema;
  std::uint64_t epoch = 0;  ///< incarnation of the publication; positions of another epoch mean nothing
  std::uint64_t offset = 0; ///< number of the last change, < 2^53
  std::uint64_t floor = 0;  ///< positions below it can't be resumed: gravestones are gone
  std::vector<std::shared_ptr<const row_block>> blocks;
  event_time trimmed = time_min; ///< rows whose window ended at or before this are gone …
  std::uint64_t trimmed_at = 0;  ///< … since this offset
  event_time watermark = time_min;
  std::vector<tidemill::offset> prefix; ///< per partition of the source: the records that the rows contain
  std::vector<partial_reason> partial;
};
using snapshot_ptr = std::shared_ptr<const view_snapshot>;

/// What changed after a position, latest value of each row.
struct changes {
  std::uint64_t epoch = 0, offset = 0;
  bool recovered = false; ///< false: `put` is a full snapshot, forget everything else
  std::vector<published_row> put;
  std::vector<published_row> removed;
  event_time trim = time_min; ///< drop rows whose window ended at or before this
  std::uint64_t merged = 0;   ///< changes that this answer skips over, as newer ones replaced them
};

/// Rows changed since (epoch, offset). Another epoch, or a position below `floor`: the whole snapshot with
/// `recovered = false`. Cost: the number of blocks, and the rows of the changed ones.
[[nodiscard]] changes changes_since(const view_snapshot& view, std::uint64_t epoch, std::uint64_t offset);

/// Where a view's current snapshot can be read from any thread, without waiting for an actor.
class view_cell {
public:
  explicit view_cell(snapshot_ptr first) : current_(std::move(first)) {}
  [[nodiscard]] snapshot_ptr load() const { return current_.load(); }
  void store(snapshot_ptr next) { current_.store(std::move(next)); }

private:
  std::atomic<snapshot_ptr> current_;
};

} // namespace tidemill
