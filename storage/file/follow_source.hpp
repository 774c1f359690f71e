#pragma once

#include "storage/file/file_source.hpp"

namespace tidemill {

/// Follows growing files as `tail -F`: one partition per path, for ever.
///
/// A path holds one *generation* after the other: a file until it is renamed away or cut. An offset is the
/// base of a generation plus a byte of it; bases are kept in `<state_folder>/<name>.follow`, so that offsets
/// outlive restarts. A file renamed away is read to its end, found by inode and beginning, also after a
/// restart; the next one follows when the old one has been quiet for a second. If it is gone: `polled_gap`.
/// A file cut in place (copytruncate) begins a generation; its copy serves for offsets before the cut.
/// Rotated files are sought beside the path: the name, `.` or `-`, and a number or date. They must not match
/// the pattern themselves. Only whole lines are delivered; the unfinished last line of a file that was
/// renamed away counts as one.
[[nodiscard]] result<std::unique_ptr<record_source>> make_follow_source(file_source_settings settings);

} // namespace tidemill
