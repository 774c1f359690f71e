#pragma once

#include "pipeline/aggregate.hpp"

#include <memory>

namespace tidemill {

/// Each makes its aggregate for an argument of a kind, or null if it doesn't take that kind.
using made_aggregate = std::unique_ptr<const aggregate>;

[[nodiscard]] made_aggregate make_count();
[[nodiscard]] made_aggregate make_rate();
[[nodiscard]] made_aggregate make_count_if(kind argument);
[[nodiscard]] made_aggregate make_sum(kind argument);
[[nodiscard]] made_aggregate make_avg(kind argument);
[[nodiscard]] made_aggregate make_min(kind argument);
[[nodiscard]] made_aggregate make_max(kind argument);
[[nodiscard]] made_aggregate make_distinct(kind argument);
[[nodiscard]] made_aggregate make_rate(kind argument);
[[nodiscard]] made_aggregate make_ratio(kind argument);
/// Of a sample (n - 1 degrees of freedom) or of a population.
[[nodiscard]] made_aggregate make_variance(kind argument, bool sample);
[[nodiscard]] made_aggregate make_deviation(kind argument, bool sample);
[[nodiscard]] made_aggregate make_first(const type& argument);
[[nodiscard]] made_aggregate make_last(const type& argument);
[[nodiscard]] made_aggregate make_arg_min(const type& argument, kind by);
[[nodiscard]] made_aggregate make_arg_max(const type& argument, kind by);
/// The earliest or the latest `most` values in time order.
[[nodiscard]] made_aggregate make_collect(const type& argument, std::size_t most, bool latest);
[[nodiscard]] made_aggregate make_distinct_exact(kind argument, std::size_t limit);
/// Requires what `no_bounds` checks.
[[nodiscard]] made_aggregate make_histogram(kind argument, const value& bounds);
[[nodiscard]] made_aggregate make_top(const type& argument, std::size_t most);
/// Requires half_life > 0.
[[nodiscard]] made_aggregate make_ewma(kind argument, duration half_life);
/// Requires q in [0, 1].
[[nodiscard]] made_aggregate make_quantile(kind argument, double q);

} // namespace tidemill
