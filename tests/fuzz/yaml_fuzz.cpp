// Links: tidemill_config tidemill_pipeline
// The text of a pipeline: every fault has a place in it, and what has none compiles or is refused.

#include "config/load.hpp"
#include "pipeline/plan.hpp"
#include "tests/fuzz/fuzz_target.hpp"

#include <algorithm>
#include <optional>

namespace tidemill::test {

void fuzz_one(std::string_view input) {
  auto read =
      load_text(input, "fuzz.yaml", [](std::string_view) -> std::optional<std::string> { return {}; });
  const auto lines = static_cast<std::size_t>(std::count(input.begin(), input.end(), '\n')) + 1;
  if (!has_errors(read.diagnostics)) {
    auto made = compile_plan(
        read.pipeline,
        [](const component&) {
          return result<schema>{error{errc::io, "no table"}};
        },
        read.diagnostics);
    if (!made && !has_errors(read.diagnostics))
      finding("refused without a fault");
  }
  for (const auto& d : read.diagnostics) {
    (void)to_string(d, "fuzz.yaml");
    if (static_cast<std::size_t>(d.at.line) > lines + 1)
      finding("a fault lies behind the text: " + d.text);
  }
}

} // namespace tidemill::test
