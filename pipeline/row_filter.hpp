#pragma once

#include "event/rows.hpp"
#include "pipeline/cel/expression.hpp"

#include <functional>
#include <string_view>

namespace tidemill {

/// The names an expression over the rows of a view may use: its columns, `window_start`, `window_end`,
/// `state`, `revision`. Slots follow `row_slots`.
[[nodiscard]] cel::environment row_environment(const view_schema& view);
/// The values of a row in the order of `row_environment`.
[[nodiscard]] std::vector<value> row_slots(const row& r);

/// Compiles a filter over rows; a row for which it fails, is null, or takes more than
/// `cel::limits_of_readers`, doesn't belong. The predicate is thread-safe. Errors: `expression_invalid`, with
/// line and column.
[[nodiscard]] result<std::function<bool(const row&)>> compile_row_filter(const view_schema& view,
                                                                         std::string_view where);

} // namespace tidemill
