#pragma once

#include "event/rows.hpp"

#include <string>

namespace tidemill {

/// The `by` values of a row as a JSON object, `{}` for a view without. Also of a removed row that carries
/// nothing but its identity.
[[nodiscard]] std::string key_json(const view_schema& view, const row& r);
/// What tells a row from all others: `{"window_start":…,"window_end":…,` and the `by` values.
[[nodiscard]] std::string identity_json(const view_schema& view, const row& r);

} // namespace tidemill
