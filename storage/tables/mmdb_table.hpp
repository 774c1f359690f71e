#pragma once

#include "event/table.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace tidemill {

/// A MaxMind DB: networks to records. The key is an IP address as text, version 4 or 6.
struct mmdb_table_settings {
  std::string name;
  std::filesystem::path path;
  std::filesystem::path folder; ///< where versions are kept, see versioned_store.hpp
  /// Columns with their types; `path` leads to the value (`country`, `iso_code`; a number picks from a list),
  /// without one the name does, dots included. Empty: every scalar that the first records have, named by its
  /// path with dots (`country.iso_code`, `subdivisions.0.iso_code`), as `string?`.
  schema columns;
  std::uint64_t max_bytes = 1u << 30;
};

/// All columns are nullable: a record without the value, or with one that is not of the column's type, gives
/// null. An address in no network, and a text that is no address, is no row. The file is mapped, not read.
/// Errors of `latest`: `corrupt` (not a MaxMind DB).
[[nodiscard]] std::unique_ptr<table_store> make_mmdb_table(mmdb_table_settings settings);

} // namespace tidemill
