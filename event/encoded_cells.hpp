#pragma once

#include "event/column.hpp"

#include <cstddef>
#include <string_view>

namespace tidemill {

/// What `append_encoded` wrote, without boxing: the ways of `take_encoded` for who reads many cells.

/// Removes one value from the front of `in` and makes nothing of it; of damaged bytes those that it has
/// looked at. False: they are damaged. What is inside of texts is not looked at.
[[nodiscard]] bool skip_encoded(std::string_view& in);

/// The same, and stores the value as row `row` of a column, which has that row, still empty. False: it is
/// damaged, or of another kind than the column; the row is spoilt.
[[nodiscard]] bool take_encoded(std::string_view& in, column& to, std::size_t row);

} // namespace tidemill
