#pragma once

#include "event/rows.hpp"
#include "pipeline/plan.hpp"
#include "pipeline/verify/naive_view.hpp"

#include <string>
#include <vector>

namespace tidemill {

/// A stored cell that isn't what was recomputed; both as JSON.
struct cell_difference {
  std::string column, stored, recomputed;
};

/// What comparing a row brought.
struct row_comparison {
  std::vector<cell_difference> differences;
  std::vector<std::string> untold; ///< columns of which it can't be said
};

/// Reals may differ by this share of the greater one.
inline constexpr double real_tolerance = 1e-9;

/// Compares a stored final row with the recomputed one of the same key and window, column by column, and the
/// revision.
///
/// Equal means equal, but for reals, also within lists and maps: sums, averages and variances are added up in
/// another order here, so they may differ by `real_tolerance`, or by `window_events::noise`. A column that is
/// a `top` holds estimates, which depend on how its events were spread over slices: each count and its error
/// must bracket the true count. Of other columns made of a `top`, and of scores unless all rows before were
/// the same (`whole`), nothing is said where they differ.
[[nodiscard]] row_comparison compare_rows(const view_plan& view, const row& stored,
                                          const naive_view::result& recomputed, bool whole);

/// `[DE, 200] from 2026-01-01T00:00:00Z to …`: key and window of a row.
[[nodiscard]] std::string place_of(const view_plan& view, const row& r);

} // namespace tidemill
