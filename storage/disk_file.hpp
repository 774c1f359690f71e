#pragma once

#include "event/result.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace tidemill {

/// An open file: owns the descriptor, remembers its path for error texts, loops over partial transfers and
/// interrupted calls. Every error names the file and, where there is one, the remedy: no space or quota left
/// → `full`, the data folder was taken over by another process → `fenced`, everything else → `io`. Calls at
/// explicit positions; not tied to a thread.
class disk_file {
public:
  disk_file() = default;
  disk_file(disk_file&& other) noexcept;
  disk_file& operator=(disk_file&& other) noexcept;
  ~disk_file();

  /// Existing, to read from.
  [[nodiscard]] static result<disk_file> open_read(std::filesystem::path path);
  /// To read and write, created if it doesn't exist.
  [[nodiscard]] static result<disk_file> open_write(std::filesystem::path path);
  /// To read and write, emptied if it exists.
  [[nodiscard]] static result<disk_file> create(std::filesystem::path path);

  /// Reads up to `bytes`; fewer only at the end of the file. Returns how many.
  [[nodiscard]] result<std::size_t> read_at(std::uint64_t at, char* out, std::size_t bytes) const;
  /// Writes all bytes; after an error some of them may be there.
  status write_at(std::uint64_t at, std::string_view bytes) const;
  status truncate(std::uint64_t bytes) const;
  /// fdatasync: contents and length survive a power loss.
  status sync() const;
  [[nodiscard]] result<std::uint64_t> size() const;
  /// Whether the path still leads to this file. If not, what is written goes nowhere: `fenced` if another
  /// process has taken over, else `io`.
  status check_place() const;

  [[nodiscard]] int descriptor() const noexcept { return fd_; }
  [[nodiscard]] bool is_open() const noexcept { return fd_ >= 0; }
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

private:
  disk_file(int fd, std::filesystem::path path) : fd_(fd), path_(std::move(path)) {}
  [[nodiscard]] static result<disk_file> open(std::filesystem::path path, int flags);

  int fd_ = -1;
  std::filesystem::path path_;
};

/// `can't <doing> <path>: <reason>` and the remedy, of an errno. A file that is missing because its data
/// folder has another holder now (generation.hpp) is `fenced`.
[[nodiscard]] error disk_error(std::string_view doing, const std::filesystem::path& path, int number);

/// Creates a folder and its parents; the entries are durable. Never creates a `generation` folder: one that
/// was taken away must not come back (`fenced`).
status create_folder(const std::filesystem::path& folder);
/// Makes the entries of a folder (created, renamed, removed files) durable.
status sync_folder(const std::filesystem::path& folder);
/// Replaces a file as a whole: writes `<path>.tmp`, syncs, renames, syncs the folder. After a crash either
/// the old or the new content is there.
status replace_file(const std::filesystem::path& path, std::string_view bytes);
/// Durable after `sync_folder`.
status rename_file(const std::filesystem::path& from, const std::filesystem::path& to);
/// Removes a file; none there is success. Durable after `sync_folder`.
status remove_file(const std::filesystem::path& path);
/// Removes the `*.tmp` that a crash in `replace_file` left in a folder.
status remove_temporaries(const std::filesystem::path& folder);
/// The whole file. Errors: `io`; `corrupt` if it is longer than `limit`.
[[nodiscard]] result<std::string> read_file(const std::filesystem::path& path, std::uint64_t limit);
/// Whether there is a file. Errors: `io` if that can't be told (no permission, say).
[[nodiscard]] result<bool> file_exists(const std::filesystem::path& path);

} // namespace tidemill
