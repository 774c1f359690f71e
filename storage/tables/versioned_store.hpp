#pragma once

#include "event/table.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

namespace tidemill {

/// A file that becomes a table, and where its versions are kept.
struct table_file {
  std::string name;             ///< of the table, for texts
  std::filesystem::path path;   ///< the file that people replace
  std::filesystem::path folder; ///< `<data>/tables/<name>`: a copy of each version, named by its id
  std::uint64_t max_bytes = 1u << 30;
  std::string settings = {}; ///< what else makes a table answer as it does (key, types); part of the id
};

/// Makes a table of a private copy that nobody writes to. `bytes` is its content, `path` the copy.
using table_loader = std::function<result<table_ptr>(std::shared_ptr<const std::string> bytes,
                                                     const std::filesystem::path& path, std::string version)>;

/// A `table_store` over one file. The file is read in one go and kept as a copy, written aside and renamed,
/// before it is loaded: a file that is being overwritten gives the old table or the new one, and every
/// version that was ever in use can be loaded again after a restart. Errors of `latest`: `io`, `full` (over
/// `max_bytes`), `unavailable` (it changes while it is read), and those of the loader. Of `version`:
/// `out_of_range` (not kept), `corrupt`.
[[nodiscard]] std::unique_ptr<table_store> make_versioned_store(table_file file, table_loader load);

} // namespace tidemill
