#pragma once

#include "storage/checkpoint/blob_store.hpp"

#include <filesystem>
#include <memory>

namespace tidemill {

/// A folder for each group, a file for each name. The head is the name of an empty file, `<head>.head`:
/// renaming it succeeds once, whoever else tries. Folders are created at the first `put`; nothing is removed
/// or repaired that isn't asked for, so looking at the folder of a running process disturbs nothing.
[[nodiscard]] std::unique_ptr<blob_store> make_folder_blobs(std::filesystem::path folder);

} // namespace tidemill
