#pragma once

#include <string>
#include <vector>

namespace tidemill {

/// Runs `tidemill verify ARGUMENTS…` and returns its exit code.
[[nodiscard]] int verify_command(const std::vector<std::string>& arguments);

} // namespace tidemill
