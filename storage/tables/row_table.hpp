#pragma once

#include "event/table.hpp"
#include "storage/tables/row_index.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace tidemill {

/// A file of rows as a table in memory: CSV (RFC 4180) with a header, a JSON object a line, or `cells`: of
/// each row the declared columns in their order, as `append_encoded` writes them.
struct row_table_settings {
  std::string name;
  std::string format = "csv"; ///< csv | ndjson | cells
  std::filesystem::path path;
  std::filesystem::path folder; ///< where versions are kept, see versioned_store.hpp
  table_key key;
  /// Types of columns; a field's `path`, if any, names the column in the file. Columns of CSV that are not
  /// declared are strings; of other formats all must be.
  schema columns;
  char delimiter = ',';
  std::uint64_t max_bytes = 256u << 20;
};

/// Errors of `latest`, each naming the line: a record that doesn't decode (`event_malformed`, `event_type`
/// …, for cells `corrupt`), a key that is null or there twice, ranges that overlap (`event_malformed`); and
/// of the columns: `config_invalid` for one that isn't there, or is of a type that can't be used so. Memory:
/// about the file's size, and 60 to 150 bytes a row.
[[nodiscard]] std::unique_ptr<table_store> make_row_table(row_table_settings settings);

} // namespace tidemill
