#pragma once

#include "event/spec.hpp"

#include <vector>

namespace tidemill {

/// What the configuration may name under `sources:`, `tables:` and `sinks:`, in the order of the reference.
/// Every source also takes the settings of `source_fields` (format, schema, time).
[[nodiscard]] const std::vector<spec>& source_specs();
[[nodiscard]] const std::vector<spec>& table_specs();
[[nodiscard]] const std::vector<spec>& sink_specs();

} // namespace tidemill
