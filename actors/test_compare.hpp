#pragma once

#include "actors/test_run.hpp"

#include <string>
#include <vector>

namespace tidemill {

/// Values written in a test as JSON; they were checked when the test was read.
[[nodiscard]] std::vector<value> parsed(const std::vector<json_at>& texts);

/// Adds a fault for each expected object that isn't there, with the nearest one that is, and for those that
/// nobody expected. `what`: `rows of sections`.
void compare(const test_expect::list& expected, const std::vector<std::string>& actual,
             const std::string& what, std::vector<test_fault>& faults);

/// Adds a fault for each member of an expected row that the view doesn't have: a null there would be met by
/// its absence, whatever the view says.
void check_columns(const test_expect::list& expected, const view_schema& view,
                   std::vector<test_fault>& faults);

} // namespace tidemill
