#pragma once

#include "storage/file/input_file.hpp"

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace tidemill {

/// One file that a followed path once named.
struct generation {
  file_mark mark;
  std::uint32_t head_length = 0; ///< how much of its beginning `head` covers
  std::uint64_t head = 0;
  offset base = 0;
  offset reserved = 0;       ///< no offset at or above it was ever handed out
  std::int64_t modified = 0; ///< when last looked at; nanoseconds since 1970
};

/// The generations of all paths of one source, by path, oldest first; one checksummed file.
using generation_map = std::map<std::string, std::vector<generation>>;
/// An absent file is an empty map. Errors: `io`, `corrupt`.
[[nodiscard]] result<generation_map> load_generations(const std::filesystem::path& file);
/// Durable on return. Errors: `io`, `full`.
status save_generations(const std::filesystem::path& file, const generation_map& all);

/// Whether an open file is generation `g` and holds a record start at byte `at`.
[[nodiscard]] result<bool> is_generation(const disk_file& file, const generation& g, offset at);
/// The file of generation `g`, under the path's own name or that of a rotated file beside it. Nothing: gone.
[[nodiscard]] result<std::optional<disk_file>> find_generation(const std::filesystem::path& path,
                                                               const generation& g, offset at);
/// The oldest rotated file beside `path` that is newer than all `known` ones and none of them (it came and
/// went while nobody looked), else the file at `path`. Nothing: no such file. `taken` are followed paths.
[[nodiscard]] result<std::optional<disk_file>> find_next(const std::filesystem::path& path,
                                                         const std::vector<generation>& known,
                                                         const std::vector<std::filesystem::path>& taken);

} // namespace tidemill
