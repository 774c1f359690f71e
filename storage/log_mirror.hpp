#pragma once

#include "event/alerts.hpp"
#include "event/result.hpp"

#include <cstdint>
#include <optional>

namespace tidemill {

/// A place in the log of an alert: before the entry `offset` of the log `epoch`.
struct log_position {
  std::uint64_t epoch = 0, offset = 0;
  friend auto operator<=>(const log_position&, const log_position&) = default;
};

/// Keeps an outside store's copy of logs of alerts. One thread, the sink's own; calls may block. Errors:
/// `unavailable` (tried again), else final.
class log_mirror {
public:
  virtual ~log_mirror() = default;
  /// How far the store's copy goes; nothing: it has none.
  [[nodiscard]] virtual result<std::optional<log_position>> stored(const alert_schema& rule) = 0;
  /// Appends the entries from `from` on, and makes what is active in the store that of `log`. Entries that
  /// are there already change nothing. `anew`: the store has none of this log.
  virtual status append(const alert_snapshot& log, std::uint64_t from, bool anew) = 0;
};

} // namespace tidemill
