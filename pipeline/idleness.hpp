#pragma once

#include "event/time.hpp"

#include <span>

namespace tidemill {

/// A partition of a source that has not ended, as its neighbours see it.
struct quiet_partition {
  event_time watermark{};
  microseconds quiet_for{}; ///< time of the clock since its last record
  bool idle = false;        ///< that long enough
};

/// Where event time goes in idle partitions.
struct idle_time {
  event_time to = time_min; ///< `time_min`: nowhere
  bool by_clock = false;    ///< all are idle: it follows the clock
};
/// The watermark that idle partitions may have: that of the slowest active one; if all are idle, the newest
/// of all and the clock's time since: since the last record, or since event time last followed the clock,
/// which was `followed` ago. Nowhere as long as nobody has seen an event.
[[nodiscard]] idle_time idle_watermark(std::span<const quiet_partition> all, microseconds followed) noexcept;

} // namespace tidemill
