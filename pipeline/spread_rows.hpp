#pragma once

#include "event/batch.hpp"
#include "pipeline/step.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace tidemill {

/// The rows that a step has made of others: a batch of its own, for the rest of the stream and all that comes
/// from it. A row has the record and the event time of the one that it comes from.
struct spread_rows {
  event_batch events;
  std::vector<event_time> watermarks; ///< by row: before its record
  std::vector<std::uint32_t> roots;   ///< by row: the row that no step has made which it comes from

  /// Runs a step that spreads. Failures are of rows of `from`; all new rows are selected. `columns`: how many
  /// the batch has. `from_roots`: of rows of `from` that were made themselves, else empty.
  void make(step& by, const event_batch& from, const std::vector<event_time>& from_watermarks,
            std::span<const std::uint32_t> from_roots, std::size_t columns,
            std::vector<cel::row_error>& failures);
  /// Forgets the rows; keeps the room of batches of usual size.
  void clear();

private:
  std::vector<std::uint32_t> origins_;
};

} // namespace tidemill
