#pragma once

#include "event/rows.hpp"
#include "pipeline/partition.hpp"
#include "pipeline/plan.hpp"
#include "storage/checkpoint/checkpoint_store.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace tidemill {

// What a data folder holds, read beside a process that may be writing it.

/// Where a row is in the order of a view's rows.
using row_place = std::tuple<event_time, event_time, std::string>;
[[nodiscard]] inline row_place place_of(const row& r) {
  return {r.window_end, r.window_start, r.key};
}

/// The final rows of a view, as its log has them.
struct stored_rows {
  std::map<row_place, row_ptr> rows;
  std::int64_t sealed_through = nothing_sealed;
  event_time trimmed = time_min; ///< rows of windows that ended at or before this are not kept any more
};
/// Empty without a log. Errors: those of `view::recover`, `io`, `corrupt`.
[[nodiscard]] result<stored_rows> read_stored_rows(const std::shared_ptr<const plan>& all, std::size_t source,
                                                   std::size_t view, std::size_t partitions,
                                                   const std::filesystem::path& state);

/// The journal of a partition, as far as it is still there.
struct stored_journal {
  std::vector<journal_entry> entries;
  bool whole = true; ///< else its oldest entries are gone
};
[[nodiscard]] result<stored_journal> read_stored_journal(const std::filesystem::path& state,
                                                         const std::string& source, std::size_t partition);

/// The newest readable checkpoint of a partition, without its state.
[[nodiscard]] std::optional<checkpoint> newest_of(const std::vector<checkpoint_store::history>& all,
                                                  const std::string& key);

} // namespace tidemill
