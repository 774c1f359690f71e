#pragma once

#include "event/spec.hpp"

#include <string_view>
#include <vector>

namespace tidemill {

/// Everything that a pipeline file may name, gathered from the registries of all folders. The specs live as
/// long as the program.
struct catalogue {
  std::vector<const spec*> sources, tables, steps, models, sinks;
  const spec* view = nullptr;
  const spec* score = nullptr;
  const spec* join = nullptr;
  const spec* alert = nullptr;
  const spec* serve = nullptr;
  const spec* engine = nullptr;
};

/// The components of this program.
[[nodiscard]] const catalogue& components();

/// The spec of this name, or null.
[[nodiscard]] const spec* find_spec(const std::vector<const spec*>& all, std::string_view name) noexcept;
[[nodiscard]] std::vector<std::string_view> names_of(const std::vector<const spec*>& all);

/// Whether the component's value is that of its first field: a step `filter` with a field `filter` is written
/// `filter: 'status != 0'`.
[[nodiscard]] bool is_inline(const spec& s) noexcept;

} // namespace tidemill
