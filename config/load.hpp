#pragma once

#include "config/catalogue.hpp"
#include "config/environment.hpp"
#include "event/definition.hpp"
#include "event/diagnostic.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// A pipeline file, read. With errors among the diagnostics the pipeline is a part of what was meant.
struct loaded {
  definition pipeline;
  std::vector<diagnostic> diagnostics; ///< in the order of the file
};

/// Reads a pipeline: YAML, checked against the specs of all components. Every fault is found in one go.
///
/// At most 4 MiB, 64 levels, 100,000 values. Variables of the environment are replaced inside scalars, see
/// `config/environment.hpp`. Keys at the top that begin with `x-` are passed over: a home for anchors.
/// Whether names refer to anything and expressions type-check is not asked here but by `compile_plan`.
[[nodiscard]] loaded load_text(std::string_view text, std::string file, const environment_lookup& environment,
                               const catalogue& known = components());
/// As above; a file that can't be read is a diagnostic, too.
[[nodiscard]] loaded load_file(const std::string& path, const environment_lookup& environment);
/// Reads a file that holds nothing but `tests:` of a pipeline that is elsewhere, into `pipeline.tests`.
[[nodiscard]] loaded load_tests_file(const std::string& path);

} // namespace tidemill
