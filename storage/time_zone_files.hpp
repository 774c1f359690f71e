#pragma once

#include "event/time_zone.hpp"

#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace tidemill {

/// The zones of a folder of TZif files, as the package tzdata installs them. A zone is read when it is first
/// asked for and kept; names that aren't there are not, so that memory is bounded by the folder. Thread-safe.
class time_zone_files final : public time_zone_source {
public:
  explicit time_zone_files(std::filesystem::path folder = "/usr/share/zoneinfo");

  [[nodiscard]] result<time_zone_ptr> find(std::string_view name) const override;

private:
  [[nodiscard]] result<time_zone_ptr> read(const std::string& name) const;

  std::filesystem::path folder_;
  mutable std::mutex mutex_;
  mutable std::map<std::string, time_zone_ptr, std::less<>> known_;
};

} // namespace tidemill
