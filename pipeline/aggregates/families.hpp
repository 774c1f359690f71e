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
/// Requires q in [0, 1].
[[nodiscard]] made_aggregate make_quantile(kind argument, double q);

} // namespace tidemill
