#pragma once

#include <string>
#include <vector>

namespace tidemill {

/// `tidemill tap ARGUMENTS…`: events between the steps of a running pipeline. Returns the exit code; ends
/// with SIGINT or SIGTERM, or after `--count` events.
[[nodiscard]] int tap_command(const std::vector<std::string>& arguments);

} // namespace tidemill
