#pragma once

#include <filesystem>
#include <string>
#include <unistd.h>

namespace tidemill {

/// A folder of this process for what is needed only while it looks at something; not made here, deleted at
/// the end.
class scratch_folder {
public:
  explicit scratch_folder(const std::string& purpose)
      : path_(std::filesystem::temp_directory_path() /
              ("tidemill-" + purpose + '-' + std::to_string(::getpid()))) {}
  ~scratch_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  scratch_folder(const scratch_folder&) = delete;
  scratch_folder& operator=(const scratch_folder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

private:
  std::filesystem::path path_;
};

} // namespace tidemill
