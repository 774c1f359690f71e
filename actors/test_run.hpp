#pragma once

#include "event/diagnostic.hpp"
#include "pipeline/plan.hpp"

#include <memory>
#include <string>
#include <vector>

namespace tidemill {

/// Something that a test expected and that wasn't so.
struct test_fault {
  position at;
  std::string text; ///< may have several lines
};

/// The pipeline as its tests need it: every stream that one of them looks at has a taker.
[[nodiscard]] definition with_takers(definition d);

/// Runs one test of a pipeline; `all` was compiled `with_takers`. With `crashes`, the process crashes after
/// each batch and each step of the clock. Empty: it passed.
[[nodiscard]] std::vector<test_fault> run_test(const std::shared_ptr<const plan>& all, const test_case& test,
                                               bool crashes);

} // namespace tidemill
