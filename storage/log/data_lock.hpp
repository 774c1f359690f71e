#pragma once

#include "event/result.hpp"
#include "event/time.hpp"
#include "storage/disk_file.hpp"

#include <filesystem>
#include <memory>
#include <string_view>

namespace tidemill {

/// The `--data` folder, held by one process at a time.
///
///     LOCK      held with flock while the process lives; says who holds it
///     FORMAT    version of what lies beside it
///
/// The kernel lets go of the lock when the process ends, however it ends; the file stays.
class data_directory {
public:
  /// Creates the folder if need be and takes it. `now` is written into LOCK for people to see. Errors:
  /// `locked` (names the holder), `io` and `full` (with remedy), `mismatch` (a later format, or a folder
  /// with files of somebody else), `corrupt`.
  [[nodiscard]] static result<std::unique_ptr<data_directory>> open(std::filesystem::path folder,
                                                                    event_time now);

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return folder_; }
  /// Creates a folder below it, if need be. Errors: `io`, `full`.
  [[nodiscard]] result<std::filesystem::path> subfolder(std::string_view name) const;

private:
  data_directory(std::filesystem::path folder, disk_file lock)
      : folder_(std::move(folder)), lock_(std::move(lock)) {}

  std::filesystem::path folder_;
  disk_file lock_; ///< the lock lives as long as its descriptor
};

} // namespace tidemill
