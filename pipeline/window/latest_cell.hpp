#pragma once

#include "event/type.hpp"
#include "pipeline/aggregate.hpp"

#include <cstdint>

namespace tidemill {

/// Slices of latest views: a worker forgets one when the view has written all that it says. Offsets are
/// records, or bytes of a file: few enough to be forgotten soon, enough that there are never many slices.
inline constexpr std::int64_t offsets_per_slice = 65'536;

/// The value of the latest event, null or not; of equal times, of the last one in canonical order. So cells
/// of one key are always those of one event.
[[nodiscard]] aggregate_ptr make_latest_cell(const type& of);

} // namespace tidemill
