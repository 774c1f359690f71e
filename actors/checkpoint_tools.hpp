#pragma once

#include "event/result.hpp"
#include "event/time.hpp"

#include <filesystem>
#include <string>

namespace tidemill {

struct plan;

// What `tidemill checkpoint` says. Reading takes no lock and changes nothing, so a pipeline may run on the
// data folder meanwhile.

/// All stored checkpoints of a data folder, a line each, and whether their state is that of `p`. Errors:
/// `io`.
[[nodiscard]] result<std::string> list_checkpoints(const plan& p, const std::filesystem::path& data,
                                                   event_time now);
/// Everything about those of one partition: `clicks/3`. Errors: `io`; `out_of_range` if there are none.
[[nodiscard]] result<std::string> show_checkpoints(const plan& p, const std::filesystem::path& data,
                                                   const std::string& partition, event_time now);

/// What becomes of stored state when `before` is replaced by `after`: a line for each part that has any.
struct state_changes {
  std::string text;
  bool loses = false; ///< `run` would want --accept-loss, or refuse
};
[[nodiscard]] state_changes compare_state(const plan& before, const plan& after);

} // namespace tidemill
