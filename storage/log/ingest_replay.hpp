#pragma once

#include "event/result.hpp"
#include "storage/record_source.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>

namespace tidemill {

/// Reads what an `ingest_log` still holds, from outside and for once: takes no lock and changes nothing, so
/// the log may be in use. Ends behind the last whole record that was there when a partition's last segment
/// was opened. Segments that are dropped meanwhile are gaps. Errors of `poll`: `io`, `corrupt`.
[[nodiscard]] std::unique_ptr<record_source> make_ingest_replay(const std::filesystem::path& folder,
                                                                std::uint32_t partitions);

} // namespace tidemill
