#pragma once

#include "config/catalogue.hpp"

#include <string>
#include <vector>

namespace tidemill {

/// A page of Markdown: `reference.md`, `reference/sources.md`.
struct reference_page {
  std::string path; ///< within docs/
  std::string text;
};

/// The reference of everything that a pipeline file may hold, made from the specs: a page for each kind of
/// component, the first one is their index. `docs/` has copies of them. Deterministic.
[[nodiscard]] std::vector<reference_page> reference_pages(const catalogue& known = components());

} // namespace tidemill
