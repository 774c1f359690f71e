#pragma once

#include "event/spec.hpp"

namespace tidemill {

/// `engine:` — how a pipeline runs, not what it computes.
[[nodiscard]] const spec& engine_spec();

} // namespace tidemill
