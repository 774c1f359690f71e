#pragma once

#include "event/codec.hpp"

#include <memory>
#include <vector>

namespace tidemill {

/// One JSON object per record, as in NDJSON. Only wanted values are read, but the whole record must be JSON:
/// which records are malformed doesn't depend on which fields are needed.
///
/// - An empty or blank record is no event: no row, no failure. A byte order mark in front is skipped.
/// - The first of several equal keys wins. Keys may be written with escapes.
/// - A field of a path finds its value also if `null` or nothing stands where an object should: it is missing
///   then. Anything else there is a type error.
/// - Strings without escapes point into the record, others into the column's memory.
/// - Not checked in values that are not needed: whether numbers fit, and whether surrogates come in pairs.
[[nodiscard]] std::unique_ptr<codec> make_json_codec(const format_options& options, const schema& fields,
                                                     std::vector<bool> needed);

} // namespace tidemill
