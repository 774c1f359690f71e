#pragma once

#include "pipeline/plan.hpp"

#include <optional>
#include <string>
#include <vector>

namespace tidemill {

/// An entry under `score:` of a view or a step, compiled over `names`. Faults: no such model, settings that
/// it refuses, a value that is no number.
[[nodiscard]] std::optional<score_plan> read_score(const text_at& name, const options& settings,
                                                   const cel::environment& names, const std::string& path,
                                                   std::vector<diagnostic>& faults);

} // namespace tidemill
