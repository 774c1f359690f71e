#pragma once

#include <string>
#include <vector>

namespace tidemill {

/// Runs `tidemill dlq ARGUMENTS…` and returns its exit code.
[[nodiscard]] int dlq_command(const std::vector<std::string>& arguments);

} // namespace tidemill
