#pragma once

#include <string>
#include <vector>

namespace tidemill {

/// Runs `tidemill test ARGUMENTS…` and returns its exit code.
[[nodiscard]] int test_command(const std::vector<std::string>& arguments);

} // namespace tidemill
