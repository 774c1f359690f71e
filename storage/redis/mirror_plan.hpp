#pragma once

#include "event/rows.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace tidemill {

/// What happens to one key of a view in Redis.
struct key_write {
  enum class mode {
    put,    ///< show `shown` unless the stored window is newer
    set,    ///< show `shown`
    remove, ///< no row is left
  } how = mode::put;
  std::string key; ///< as text
  row_ptr shown;
  std::shared_ptr<const std::string> json; ///< of `shown`
  struct window {
    event_time end;
    std::shared_ptr<const std::string> json; ///< null: removed
  };
  std::vector<window> series; ///< changed windows, if a series is kept
};

/// Turns changes of rows into one write per key, in order of first appearance. Where a window was removed,
/// the newest one left is looked up in the snapshot, from its end.
[[nodiscard]] std::vector<key_write> plan_writes(const view_snapshot& view, const changes& delta,
                                                 bool series);

/// One entry of the stream of changes.
struct stream_entry {
  std::uint64_t offset = 0;
  std::vector<std::string> fields; ///< name, value, name, value …
};
/// The entries of a set of changes, offsets ascending. Too many for the stream, or all rows anew: one entry
/// that says `reset`.
[[nodiscard]] std::vector<stream_entry> plan_entries(const view_snapshot& view, const changes& delta);

} // namespace tidemill
