#pragma once

#include "event/column.hpp"
#include "event/ids.hpp"
#include "event/schema.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// What a log keeps beside a record's bytes.
struct record_meta {
  std::optional<std::string_view> key;
  /// Name and value of each header, in order; a value may be null.
  struct header {
    std::string_view name;
    std::optional<std::string_view> value;
  };
  std::vector<header> headers;
  bool tombstone = false; ///< the value is null, not merely empty
};

/// One record as a source hands it over: bytes of one event, not yet decoded.
struct record {
  std::string_view bytes;
  offset at = 0;  ///< its own offset
  offset end = 0; ///< the offset after it: "next record to read"
  /// When the log received it, if the log knows and a replay gives the same answer.
  std::optional<event_time> arrival;
  /// Where the log has such things and the pipeline wants them or the record is a tombstone; in the memory
  /// of the batch.
  const record_meta* meta = nullptr;
};

/// Raw records of one partition in offset order. Immutable once built; shared between threads.
/// `begin` ≤ every `at` < `end`; `end` may lie behind the last record (a gap was skipped over), also with no
/// records at all.
struct record_batch {
  partition_id partition{};
  offset begin = 0;
  offset end = 0;
  std::vector<record> records;
  /// The header line of the file these records come from (CSV with `header`), else null.
  std::shared_ptr<const std::string> header;
  /// Keeps `bytes` alive.
  std::shared_ptr<const void> memory;
  /// The records' bytes, as counted by flow control.
  std::size_t bytes = 0;
};
using record_batch_ptr = std::shared_ptr<const record_batch>;

/// Rows that passed so far: ascending row numbers of an `event_batch`.
using selection = std::vector<std::uint32_t>;

/// Decoded events of one partition as columns: only the fields that the pipeline uses.
///
/// Row r of every column belongs to `records[r]`: decoding failures leave no row. Steps add columns and
/// shrink `selected`; rows are never moved.
struct event_batch {
  partition_id partition{};
  /// Raw form of each row, for dead letters and offsets. Views into the raw batch, which `memory` keeps.
  std::vector<record> records;
  /// Event time of each row.
  std::vector<event_time> times;
  std::vector<column> columns;
  selection selected;
  std::vector<std::shared_ptr<const void>> memory;
  [[nodiscard]] std::size_t rows() const noexcept { return records.size(); }
  /// Removes all rows; columns stay as they are and keep their room.
  void clear() {
    records.clear();
    times.clear();
    for (auto& c : columns)
      c.clear();
    selected.clear();
    memory.clear();
  }
};

} // namespace tidemill
