#pragma once

#include "event/result.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string_view>

namespace tidemill {

/// Reads a segment log that another process may be writing, and changes nothing: no lock, no cut.
///
/// Calls `each(position, bytes)` for every record that was there when the last segment was opened, until it
/// returns false. A record cut off at the very end is one that is being written, or a torn tail; the log ends
/// before it. Segments that retention removes meanwhile are passed over. Errors: `io`; `corrupt`, with file
/// and byte, for damage in front of later segments.
status read_segments(const std::filesystem::path& folder,
                     const std::function<bool(std::uint64_t position, std::string_view bytes)>& each);

} // namespace tidemill
