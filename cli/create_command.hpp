#pragma once

#include <string>
#include <vector>

namespace tidemill {

/// `tidemill create ARGUMENTS…`: writes a commented pipeline to begin with. Returns the exit code. Never
/// overwrites a file.
[[nodiscard]] int create_command(const std::vector<std::string>& arguments);

} // namespace tidemill
