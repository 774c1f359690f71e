#pragma once

#include "event/ids.hpp"
#include "event/result.hpp"
#include "storage/disk_file.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace tidemill {

/// Which file it is, whatever it is called.
struct file_mark {
  std::uint64_t device = 0, inode = 0;
  friend bool operator==(const file_mark&, const file_mark&) = default;
};

/// What the operating system says of a file.
struct file_facts {
  file_mark mark;
  std::uint64_t size = 0;
  std::int64_t modified = 0; ///< nanoseconds since 1970
  bool regular = false;
};
/// Errors: `io`.
[[nodiscard]] result<file_facts> facts_of(const disk_file& file);
/// Nothing there: `size` 0, not `regular`. Errors: `io`.
[[nodiscard]] result<file_facts> facts_of(const std::filesystem::path& path);

/// How many bytes of its beginning tell a file apart from another of the same inode.
inline constexpr std::size_t head_bytes = 256;
/// Hash of the first `bytes` bytes.
[[nodiscard]] result<std::uint64_t> hash_head(const disk_file& file, std::size_t bytes);

/// A file that is read to an end known from the start.
struct input_file {
  std::filesystem::path path;
  offset base = 0; ///< where its bytes start in the source's offsets
  file_facts facts = {};
  std::uint64_t head = 0; ///< hash of its beginning

  [[nodiscard]] offset end() const noexcept { return base + facts.size; }
  /// Opens it and checks that it still is what it was. Errors: `mismatch`, `io`.
  [[nodiscard]] result<disk_file> open() const;
};

/// The paths that match, sorted bytewise; folders are left out. Errors: `config_invalid` if there are none,
/// `io`.
[[nodiscard]] result<std::vector<std::filesystem::path>> match_files(const std::filesystem::path& base,
                                                                     const std::string& pattern);
/// Looks at each file. Errors: `io`, `config_invalid` (not a regular file).
[[nodiscard]] result<std::vector<input_file>> look_at(const std::vector<std::filesystem::path>& paths);
/// What a file is called in what is kept of it: its path from `base`, the same however either of them is
/// written.
[[nodiscard]] std::string kept_name(const std::filesystem::path& file, const std::filesystem::path& base);

} // namespace tidemill
