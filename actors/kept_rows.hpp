#pragma once

#include "event/rows.hpp"
#include "pipeline/plan.hpp"

#include <filesystem>
#include <memory>

namespace tidemill {

/// The final rows that the log of a view holds, as a snapshot: for readers while the view can't run yet.
/// `partitions`: of its source, as far as is known. Null without a log. Errors: those of the log. The caller
/// holds the data folder, and the view isn't running.
[[nodiscard]] result<snapshot_ptr> kept_rows(const std::shared_ptr<const plan>& all, std::size_t source,
                                             std::size_t view, std::size_t partitions,
                                             const std::filesystem::path& log, std::uint64_t epoch,
                                             partial_reason why);

} // namespace tidemill
