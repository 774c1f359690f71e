#pragma once

#include "event/definition.hpp"

#include <memory>
#include <string>

namespace tidemill {

struct plan;

/// Reads and compiles a pipeline's file with the process's environment. All faults are printed to standard
/// error; null if one of them is an error. `written` is filled as far as the file could be read.
[[nodiscard]] std::shared_ptr<const plan> load_pipeline(const std::string& file, definition& written);

} // namespace tidemill
