#include "pipeline/idleness.hpp"

#include <algorithm>

namespace tidemill {

idle_time idle_watermark(std::span<const quiet_partition> all, microseconds followed) noexcept {
  auto slowest_active = time_max, newest = time_min;
  auto passed = followed;
  for (const auto& p : all) {
    newest = std::max(newest, p.watermark);
    passed = std::min(passed, p.quiet_for);
    if (!p.idle)
      slowest_active = std::min(slowest_active, p.watermark);
  }
  if (slowest_active != time_max)
    return {slowest_active, false};
  if (newest == time_min)
    return {};
  return {newest + passed, true};
}

} // namespace tidemill
