#pragma once

#include "config/settings.hpp"
#include "config/yaml_node.hpp"
#include "event/test_case.hpp"

#include <string>
#include <vector>

namespace tidemill {

/// Reads the section `tests`: a map of names to tests. Values are taken as JSON: a plain `1`, `true` or
/// `null` is what it looks like, all else is text. Variables are not replaced: a test means the same
/// everywhere.
void read_tests(const yaml_node& node, settings_reader& reader, std::vector<test_case>& out);

} // namespace tidemill
