#pragma once

#include <string>
#include <vector>

namespace tidemill {

/// Runs `tidemill checkpoint ARGUMENTS…` and returns its exit code.
[[nodiscard]] int checkpoint_command(const std::vector<std::string>& arguments);

} // namespace tidemill
