#pragma once

#include "event/rows.hpp"
#include "pipeline/plan.hpp"
#include "pipeline/view.hpp"
#include "storage/log/segment_log.hpp"

#include <filesystem>
#include <memory>

namespace tidemill {

/// Opens the log of a view, and reads what it holds into a view that knows nothing yet. Errors: those of the
/// log and of `view::recover`.
[[nodiscard]] result<std::unique_ptr<segment_log>> open_view_log(const std::filesystem::path& folder,
                                                                 view& into);

/// The final rows that the log of a view holds, as a snapshot: for readers while the view can't run yet.
/// `partitions`: of its source, as far as is known. Null without a log. Writes nothing, so the data folder
/// need not be held. Errors: those of the log.
[[nodiscard]] result<snapshot_ptr> kept_rows(const std::shared_ptr<const plan>& all, std::size_t source,
                                             std::size_t view, std::size_t partitions,
                                             const std::filesystem::path& log, std::uint64_t epoch,
                                             partial_reason why);

} // namespace tidemill
