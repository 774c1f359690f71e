#pragma once

#include "event/codec.hpp"

#include <memory>
#include <vector>

namespace tidemill {

/// CSV after RFC 4180 with any delimiter; cells are found by the names of columns (a field's `path`, or its
/// name), in the header of the file or in `columns`.
///
/// - An empty record is no event: no row, no failure. A byte order mark in front is skipped.
/// - An empty cell is null for a nullable field, except that `""` is an empty string for `string` and
/// `bytes`;
///   for other fields it is an empty string, or missing. Spaces belong to a cell.
/// - A column that the header lacks is null, or missing in each record; one that it has twice is an error.
///
/// Errors: `config_invalid` (the delimiter, `columns`, a `dyn` field, a path of more than one name).
[[nodiscard]] result<std::unique_ptr<codec>> make_csv_codec(const format_options& options,
                                                            const schema& fields, std::vector<bool> needed);

} // namespace tidemill
