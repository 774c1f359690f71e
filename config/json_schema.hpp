#pragma once

#include "config/catalogue.hpp"

#include <string>

namespace tidemill {

/// A JSON Schema (draft 7) of pipeline files, made from the specs, for editors: `docs/pipeline.schema.json`
/// is a copy of it. It knows keys, types of values, choices and required settings; what needs more than one
/// place (names, expressions, rules between settings) is `tidemill check`'s. Deterministic.
[[nodiscard]] std::string pipeline_schema(const catalogue& known = components());

} // namespace tidemill
