#pragma once

#include "pipeline/plan.hpp"
#include "storage/checkpoint/checkpoint_store.hpp"

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace tidemill {

/// Where the log of an exchange lies.
[[nodiscard]] std::filesystem::path exchange_folder(const std::filesystem::path& data, const source_plan& s);

/// The folder of a view's log: one for each definition of the view.
[[nodiscard]] std::filesystem::path view_log_folder(const std::filesystem::path& data, const view_plan& v);
/// What a checkpoint notes of a view. With another one its windows start anew: even where panes would fit,
/// those of windows that are final are gone, and so are the rows made of them.
[[nodiscard]] std::string state_identity(const view_plan& v);
/// What a checkpoint of a source notes: its views, and the steps that remember something, by name.
[[nodiscard]] std::map<std::string, std::string> state_identities(const source_plan& s);
/// `clicks/3`: a worker's name in the checkpoint store.
[[nodiscard]] std::string checkpoint_key(const std::string& source, std::size_t partition);

/// What becomes of the stored state of a pipeline when it starts as `p` on `data`.
struct state_report {
  std::vector<std::string> restored;        ///< a sentence each
  std::vector<std::string> fresh;           ///< parts that start empty, without loss
  std::vector<std::string> lost;            ///< state that belongs to another definition: needs consent
  std::vector<std::filesystem::path> stale; ///< folders of what is lost
};
[[nodiscard]] state_report check_state(const plan& p, const std::filesystem::path& data,
                                       checkpoint_store& checkpoints);

} // namespace tidemill
