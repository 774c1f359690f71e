#pragma once

#include <string>
#include <vector>

namespace tidemill {

/// Runs `tidemill eval ARGUMENTS…` and returns its exit code.
[[nodiscard]] int eval_command(const std::vector<std::string>& arguments);

} // namespace tidemill
