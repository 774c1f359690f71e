#pragma once

#include "http/problem.hpp"
#include "http/request.hpp"

#include <optional>

namespace tidemill {

/// The dashboard: `/` is `index.html`, `/dashboard/NAME` any other of its files. Nothing for other paths.
[[nodiscard]] std::optional<http_response> page_file(const http_request& request);

} // namespace tidemill
