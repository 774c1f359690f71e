#pragma once

#include "storage/file/file_source.hpp"
#include "storage/file/input_file.hpp"

#include <vector>

namespace tidemill {

/// A hash of what the bytes of these files are: names, sizes if `with_sizes`, beginnings, how they are cut.
[[nodiscard]] std::string content_text(const std::vector<input_file>& files, const file_source_settings& s,
                                       bool with_sizes);
/// Checks that a record may start at `at` (within the file). Errors: `mismatch`, `out_of_range`, `io`.
status check_boundary(const input_file& file, offset at);

/// Each file is a partition; an offset is a byte of the file.
[[nodiscard]] std::unique_ptr<record_source> make_whole_file_source(file_source_settings settings,
                                                                    std::vector<input_file> files);

/// All files are one run of bytes; `partition_by` says whose a record is. One reader feeds all partitions
/// that are at the same place: each poll reads on from the partition that is furthest behind, so that those
/// apart join again, and a little for the others meanwhile. Nothing is kept for a partition without credit:
/// its records are read again when it has some.
[[nodiscard]] std::unique_ptr<record_source> make_shared_file_source(file_source_settings settings,
                                                                     std::vector<input_file> files);

} // namespace tidemill
