#include "cli/load_pipeline.hpp"

#include "actors/platform.hpp"
#include "config/load.hpp"

#include <algorithm>
#include <cstdlib>
#include <initializer_list>
#include <iostream>
#include <optional>
#include <string_view>
#include <vector>

namespace tidemill {

std::optional<std::string> environment_variable(std::string_view name) {
  const char* text = std::getenv(std::string{name}.c_str());
  return text == nullptr ? std::nullopt : std::optional<std::string>{text};
}

std::shared_ptr<const plan> load_pipeline(const std::string& file, definition& written) {
  auto loaded = load_file(file, environment_variable);
  written = std::move(loaded.pipeline);
  auto all = std::move(loaded.diagnostics);
  auto sound = !has_errors(all);
  std::vector<diagnostic> found;
  auto made = compile(written, found); // all faults in one go, also those of expressions
  if (!sound) {
    made = nullptr;
    // Names may be missing only because what they name has a fault of its own.
    std::erase_if(found, [](const diagnostic& d) {
      return d.at.line == 0 ||
             std::ranges::any_of(
                 std::initializer_list<std::string_view>{"no source or stream", "no view,", "no table"},
                 [&](std::string_view t) { return d.text.starts_with(t); });
    });
  }
  all.insert(all.end(), found.begin(), found.end());
  std::ranges::stable_sort(all, {}, &diagnostic::at);
  for (const auto& d : all)
    std::cerr << to_string(d, file) << '\n';
  return made;
}

} // namespace tidemill
