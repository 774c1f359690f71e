#pragma once

#include "event/result.hpp"
#include "storage/generation.hpp"

#include <filesystem>
#include <functional>
#include <string_view>

namespace tidemill {

/// Told before each step of a takeover; in tests a place to die.
using takeover_steps = std::function<void(std::string_view step)>;

/// Renames the generation `from` to `to`, durably. Of many who try, one gets true, also if the answer of a
/// file server was lost on the way. Errors: `io`.
[[nodiscard]] result<bool> claim_generation(const std::filesystem::path& root, const generation_id& from,
                                            const generation_id& to);

/// Makes the tree `number` of the one in force: new folders, in which files that are written once
/// (checkpoints, tables, all segments of a log but the last) are linked, and others are copied. What an
/// earlier holder still does to an open file or folder stays in the old tree. Costs a link per file and the
/// bytes of the last segments. Errors: `io`, `full`; then the tree in force is as it was.
status renew_tree(const std::filesystem::path& generation_folder, std::uint64_t number,
                  const takeover_steps& at_step);

/// Removes the trees that are no longer in force, and unfinished ones.
status remove_old_trees(const std::filesystem::path& generation_folder);

} // namespace tidemill
