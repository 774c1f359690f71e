#pragma once

#include "event/definition.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace tidemill {

struct plan;

/// A variable of the process's environment.
[[nodiscard]] std::optional<std::string> environment_variable(std::string_view name);

/// Reads and compiles a pipeline's file with the process's environment. All faults are printed to standard
/// error; null if one of them is an error. `written` is filled as far as the file could be read.
[[nodiscard]] std::shared_ptr<const plan> load_pipeline(const std::string& file, definition& written);

} // namespace tidemill
