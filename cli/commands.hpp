#pragma once

#include <string>
#include <vector>

namespace tidemill {

/// Exit codes: 0 fine, 1 failed while running, 78 the configuration or the command line is wrong (EX_CONFIG).
inline constexpr int exit_failed = 1, exit_config = 78;

/// Runs `tidemill ARGUMENTS…` and returns its exit code.
[[nodiscard]] int run_command(const std::vector<std::string>& arguments);

} // namespace tidemill
