#pragma once

#include "event/table.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace tidemill {

/// A CSV file (RFC 4180) with a header as a table in memory.
struct csv_table_settings {
  std::string name;
  std::filesystem::path path;
  std::filesystem::path folder; ///< where versions are kept, see versioned_store.hpp
  std::string key;              ///< the column that is looked up; its values are unique and not null
  /// Types of columns; a field's `path`, if any, names the column in the file. Columns that are not declared
  /// are strings.
  schema columns;
  char delimiter = ',';
  std::uint64_t max_bytes = 256u << 20;
};

/// A number is found by any equal number, whatever its kind; otherwise kinds must agree.
/// Errors of `latest`, each naming the line: a record that doesn't decode (`event_malformed`, `event_type`
/// …), a key that is null or there twice (`event_malformed`); and of the header: `config_invalid` for a
/// column that isn't there. Memory: about the file's size, and 60 bytes a row.
[[nodiscard]] std::unique_ptr<table_store> make_csv_table(csv_table_settings settings);

} // namespace tidemill
