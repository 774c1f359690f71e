#pragma once

#include "storage/record_writer.hpp"

#include <filesystem>
#include <memory>

namespace tidemill {

/// Appends the values of records to a file, a line each, or to standard output if the path is `-`.
///
/// A record without a value is unwritten; so is one with a line break in it, unless `breaks` (CSV, where they
/// may stand in quotes). Errors: `io`, `full`.
[[nodiscard]] result<std::unique_ptr<record_writer>> make_line_writer(const std::filesystem::path& path,
                                                                      bool breaks);

} // namespace tidemill
