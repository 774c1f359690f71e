#pragma once

#include "event/batch.hpp"
#include "event/result.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
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
struct polled_assigned {
  partition_id partition; ///< ours from now on: somebody may seek it and want it
  offset start;           ///< where it begins if there is no checkpoint
};
struct polled_revoked {
  partition_id partition; ///< wanted back: `release` it as soon as its worker has saved and ended
  bool lost;              ///< it is somebody else's already: nothing more may be saved for it
};
/// There are more partitions than `partitions()` said: the pipeline has to be built anew.
struct polled_grown {
  std::uint32_t partitions;
};
/// This partition can't go on without a person; the others can.
struct polled_halted {
  partition_id partition;
  std::string why;
};
using polled = std::variant<record_batch_ptr, polled_end, polled_gap, polled_assigned, polled_revoked,
                            polled_grown, polled_halted>;

/// What a checkpoint remembers of the last record before it, so that a log that was deleted and begun anew
/// under the same name is noticed.
struct record_mark {
  offset at = 0;
  std::uint64_t hash = 0; ///< `hash64` of the record's bytes
  friend bool operator==(const record_mark&, const record_mark&) = default;
};

/// A number about a source, for metrics and status: `tidemill_source_<name>`.
struct source_gauge {
  std::string_view name, help; ///< of static duration
  double value = 0;
};

/// A source of raw records: a partitioned, ordered, seekable log.
///
/// Most own all their partitions. One that shares them with other processes (`assigns`) tells by `poll`
/// which are ours; only those may be sought and wanted:
///
///     open → poll: assigned p → seek p → poll… → poll: revoked p → (worker saves) → release p
///
/// All calls come from one thread, the source's own; a call may block, `poll` for at most `wait`.
/// Records of a partition come in offset order; after `seek(p, o)` the next ones are those at or after o,
/// byte for byte the same as before. How records are cut into batches is free.
class record_source {
public:
  virtual ~record_source() = default;

  /// Reaches what must be reached before anything else is known, waiting up to about `wait`; called until it
  /// succeeds. Errors: `unavailable` (again later; the text is shown meanwhile), else final.
  virtual status open(std::chrono::milliseconds wait) {
    (void)wait;
    return {};
  }
  /// Whether partitions come and go (see above).
  [[nodiscard]] virtual bool assigns() const noexcept { return false; }
  /// Number of partitions; constant.
  [[nodiscard]] virtual std::uint32_t partitions() const noexcept = 0;
  /// Who the data are: checkpoints of another identity are refused. Contains what makes offsets mean
  /// something else (paths, partitioning, generator seed), not credentials.
  [[nodiscard]] virtual std::string identity() const = 0;
  /// The same for one partition, where they come from different places.
  [[nodiscard]] virtual std::string identity(partition_id p) const {
    (void)p;
    return identity();
  }
  /// Whether `max_future` compares with `record::arrival` (true) or with the records that follow.
  [[nodiscard]] virtual bool has_arrival_times() const noexcept = 0;
  /// Where a partition starts if there is no checkpoint; not asked of a source that assigns.
  [[nodiscard]] virtual offset start(partition_id p) = 0;
  virtual status seek(partition_id p, offset at) = 0;
  /// The same, after a checkpoint: `before` is the last record that it contains. If the log holds another one
  /// there, the partition is halted (`polled_halted`) before any record.
  virtual status seek(partition_id p, offset at, const std::optional<record_mark>& before) {
    (void)before;
    return seek(p, at);
  }
  /// A revoked partition: its worker has saved and ended.
  virtual void release(partition_id p) { (void)p; }

  /// Appends what is there now for the partitions in `wanted` (those with credit), at most about `max_bytes`
  /// for each, waiting up to `wait` if nothing is. An error is temporary (`unavailable`: retried with
  /// backoff) or final (everything else: stops the pipeline with its text).
  virtual status poll(const std::vector<partition_id>& wanted, std::size_t max_bytes,
                      std::chrono::milliseconds wait, std::vector<polled>& out) = 0;
  /// Ends a blocking `poll` early. Any thread.
  virtual void wake() noexcept {}

  /// A checkpoint at `at` is stored: for the tools that look at a consumer group's offsets. Any thread.
  virtual void committed(partition_id p, offset at) noexcept {
    (void)p;
    (void)at;
  }
  /// Why a partition is not ours, if something is wrong with it; empty: all is well, or nothing is known.
  [[nodiscard]] virtual std::string why_away(partition_id p) const {
    (void)p;
    return {};
  }
  /// Numbers for metrics; asked about once a second.
  [[nodiscard]] virtual std::vector<source_gauge> gauges() const { return {}; }

  /// Bytes or records behind the end of the partition, if known: for lag.
  [[nodiscard]] virtual std::uint64_t lag(partition_id p) const = 0;
};

/// Chooses the partition of a record by hashing an expression over it; made by the platform, since
/// storage knows no expressions. A record that can't be decoded goes to partition 0.
using partitioner =
    std::function<partition_id(const record& r, const std::shared_ptr<const std::string>& header)>;

} // namespace tidemill
