#pragma once

#include "event/batch.hpp"
#include "event/result.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <variant>
#include <vector>

namespace tidemill {

/// What one `poll` brought.
struct polled_end {
  partition_id partition; ///< no record will ever follow: finite input read to its end
  offset at;
};
struct polled_gap {
  partition_id partition;
  offset wanted, available; ///< records between them are gone from the source
};
using polled = std::variant<record_batch_ptr, polled_end, polled_gap>;

/// A source of raw records: a partitioned, ordered, seekable log.
///
/// All calls come from one thread, the source's own; a call may block, `poll` for at most `wait`.
/// Records of a partition come in offset order; after `seek(p, o)` the next ones are those at or after o,
/// byte for byte the same as before. How records are cut into batches is free.
class record_source {
public:
  virtual ~record_source() = default;

  /// Number of partitions; constant.
  [[nodiscard]] virtual std::uint32_t partitions() const noexcept = 0;
  /// Who the data are: checkpoints of another identity are refused. Contains what makes offsets mean
  /// something else (paths, partitioning, generator seed), not credentials.
  [[nodiscard]] virtual std::string identity() const = 0;
  /// Whether `max_future` compares with `record::arrival` (true) or with the records that follow.
  [[nodiscard]] virtual bool has_arrival_times() const noexcept = 0;
  /// Where a partition starts if there is no checkpoint.
  [[nodiscard]] virtual offset start(partition_id p) = 0;
  virtual status seek(partition_id p, offset at) = 0;

  /// Appends what is there now for the partitions in `wanted` (those with credit), at most about `max_bytes`
  /// for each, waiting up to `wait` if nothing is. An error is temporary (`unavailable`: retried with
  /// backoff) or final (everything else: stops the pipeline with its text).
  virtual status poll(const std::vector<partition_id>& wanted, std::size_t max_bytes,
                      std::chrono::milliseconds wait, std::vector<polled>& out) = 0;
  /// Ends a blocking `poll` early. Any thread.
  virtual void wake() noexcept {}

  /// Bytes or records behind the end of the partition, if known: for lag.
  [[nodiscard]] virtual std::uint64_t lag(partition_id p) const = 0;
};

/// Chooses the partition of a record by hashing an expression over it; made by the platform, since
/// storage knows no expressions. A record that can't be decoded goes to partition 0.
using partitioner =
    std::function<partition_id(const record& r, const std::shared_ptr<const std::string>& header)>;

} // namespace tidemill
