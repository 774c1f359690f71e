#pragma once

#include "config/catalogue.hpp"

#include <string>

namespace tidemill {

/// The reference of everything that a pipeline file may hold, as one page of Markdown, made from the specs:
/// `docs/reference.md` is a copy of it. Deterministic.
[[nodiscard]] std::string reference_markdown(const catalogue& known = components());

} // namespace tidemill
