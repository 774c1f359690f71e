#pragma once

#include "event/result.hpp"
#include "storage/disk_file.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace tidemill {

/// Which dead letters were sent again already: the file REPLAYED beside their log.
///
/// Kept per stream as runs of positions: of the letters of this stream, all from here to there. So a replay
/// that chooses some letters leaves the others for the next one.
class replayed_letters {
public:
  /// To look at only.
  [[nodiscard]] static result<replayed_letters> read(const std::filesystem::path& folder);
  /// To change: one process at a time. Errors: `locked`; `io`, `corrupt`.
  [[nodiscard]] static result<replayed_letters> open(const std::filesystem::path& folder);

  [[nodiscard]] bool contains(std::string_view stream, std::uint64_t position) const;
  /// `before`: the stream's previous letter in the log, if there is one. Adding what is there is no fault.
  void add(const std::string& stream, std::uint64_t position, std::optional<std::uint64_t> before);
  /// Letters below are gone from the log.
  void forget_below(std::uint64_t position);
  /// Durably, as a whole. Errors: `io`, `full`.
  status save() const;

private:
  using runs = std::map<std::uint64_t, std::uint64_t>; ///< first → last
  [[nodiscard]] static runs::const_iterator find(const runs& all, std::uint64_t position);
  status load();

  std::filesystem::path file_;
  disk_file lock_;
  std::map<std::string, runs, std::less<>> streams_;
};

} // namespace tidemill
