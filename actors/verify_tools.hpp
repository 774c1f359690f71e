#pragma once

#include "event/result.hpp"
#include "event/time.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

namespace tidemill {

struct plan;

struct verify_settings {
  std::filesystem::path data;
  std::string view; ///< empty: all
  /// Only windows that lie in [from, to) are compared.
  event_time from = time_min, to = time_max;
};

struct verify_report {
  std::uint64_t rows = 0, windows = 0; ///< compared
  std::uint64_t differ = 0;            ///< rows: other cells, missing, or too many
  std::uint64_t left_out = 0;          ///< stored rows of which nothing can be said
};

/// Where a finding goes: a line each, without line end.
struct verify_listener {
  std::function<void(const std::string&)> difference;
  std::function<void(const std::string&)> note; ///< what was not compared, and why
};

/// Recomputes the final rows that a data folder holds, by the plain way (`naive_view`), from the records of
/// the sources and the journals, and compares. See docs/verify.md.
///
/// Takes no lock, joins no consumer group and changes nothing; a pipeline may run on the folder meanwhile.
/// Rows are those in the logs of views when it starts. Memory: the retained rows, and what `naive_view` says,
/// with partitions at most `max_lead` of event time apart. Errors: `io`, `corrupt`; `mismatch` (another
/// input); `out_of_range` (no such view); `unavailable` (the source doesn't answer).
[[nodiscard]] result<verify_report> verify_rows(const std::shared_ptr<const plan>& all,
                                                const verify_settings& settings,
                                                const verify_listener& listener);

} // namespace tidemill
