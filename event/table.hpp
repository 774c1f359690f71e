#pragma once

#include "event/result.hpp"
#include "event/schema.hpp"
#include "event/time.hpp"
#include "event/value.hpp"

#include <memory>
#include <string>
#include <vector>

namespace tidemill {

/// One version of a reference table: immutable, read by all workers at once.
class lookup_table {
public:
  virtual ~lookup_table() = default;
  /// Hash of the content: two tables of one version answer alike, for ever.
  [[nodiscard]] virtual const std::string& version() const noexcept = 0;
  /// Columns that a lookup may take; without the key.
  [[nodiscard]] virtual const schema& columns() const noexcept = 0;
  /// Writes the columns numbered `wanted` of the row for `key` into `out`; false: no such row, `out`
  /// untouched. A key that can't be one (not an address, say) is no row. Thread-safe.
  [[nodiscard]] virtual bool find(const value& key, const std::vector<std::size_t>& wanted,
                                  std::vector<value>& out) const = 0;
  /// As `find`, for the row that is valid at a time, where rows are valid for a time.
  [[nodiscard]] virtual bool find_at(const value& key, timestamp, const std::vector<std::size_t>& wanted,
                                     std::vector<value>& out) const {
    return find(key, wanted, out);
  }
};
using table_ptr = std::shared_ptr<const lookup_table>;

/// Where versions of one table come from. Thread-safe.
class table_store {
public:
  virtual ~table_store() = default;
  /// The newest version; reads the file if it changed since the last call. If the file can't be read or is
  /// wrong, the version in use stays and the error is returned.
  [[nodiscard]] virtual result<table_ptr> latest() = 0;
  /// A version that was `latest` once and is still kept. Errors: `out_of_range`.
  [[nodiscard]] virtual result<table_ptr> version(const std::string& id) = 0;
  /// Forgets stored versions not in `used` (checkpoints name those that a replay may need).
  virtual void keep_only(const std::vector<std::string>& used) = 0;
};

} // namespace tidemill
