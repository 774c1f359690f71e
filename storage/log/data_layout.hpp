#pragma once

#include "event/result.hpp"
#include "storage/generation.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace tidemill {

// What a data folder holds:
//
//     FORMAT                      version of what lies beside it
//     lease.<holder>              who holds it, see lease.hpp
//     state.<number>.<holder>/    the generation in force: the highest number
//         tree.<number>/          all live state: the highest number
//
// A takeover renames the generation; after one by force its files get new inodes in a new tree, so that
// nothing the old holder still has open, or is in the middle of, leads into it.

/// The holder of a generation that nobody has taken yet.
[[nodiscard]] generation_id first_generation();

/// Makes a data folder of an empty or missing one; brings one of format 1 (all state beside FORMAT) into the
/// present form, by renames that a crash may cut anywhere. Any number of processes at once. Errors: `locked`
/// (a process of an earlier version holds it), `mismatch` (a later format, or files of somebody else),
/// `corrupt`, `io`, `full`.
status prepare_data_folder(const std::filesystem::path& root);

/// The generation in force; none if there is none yet. Errors: `io`.
[[nodiscard]] result<std::optional<generation_id>> newest_generation(const std::filesystem::path& root);
/// Number of the tree in force in a generation folder. Errors: `io`, `corrupt` (none).
[[nodiscard]] result<std::uint64_t> newest_tree(const std::filesystem::path& generation_folder);
[[nodiscard]] std::filesystem::path lease_path(const std::filesystem::path& root, const std::string& holder);
/// Who has a lease file. Errors: `io`.
[[nodiscard]] result<std::vector<std::string>> lease_holders(const std::filesystem::path& root);
[[nodiscard]] std::filesystem::path tree_path(const std::filesystem::path& generation_folder,
                                              std::uint64_t number);

/// The folder with the live state, for whoever only reads. In a data folder of format 1, or none: `root`
/// itself. A takeover moves it away meanwhile: find it again then.
[[nodiscard]] std::filesystem::path current_state_folder(const std::filesystem::path& root);

} // namespace tidemill
