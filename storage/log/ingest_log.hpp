#pragma once

#include "event/batch.hpp"
#include "event/ids.hpp"
#include "event/result.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tidemill {

/// Arrival and bytes of a record as an `ingest_log` stores it; nothing: it is damaged.
[[nodiscard]] std::optional<std::pair<event_time, std::string_view>>
split_ingest_record(std::string_view stored) noexcept;

/// What an HTTP source has accepted: a segment log per partition. A record's offset is its position, dense;
/// stored are its arrival and its bytes, so a replay gives the same answer.
///
///     append ── written, all waiting callers together ── one fsync for all ── readable ── answered
///
/// Whoever comes first writes for those who came meanwhile; there is no thread of its own. Thread-safe; one
/// reader (`log_source`).
class ingest_log {
public:
  struct settings {
    std::string name;                    ///< of the source, for texts and the identity
    std::uint32_t partitions = 1;        ///< fixed when the folder is created
    std::uint64_t max_unread = 1u << 30; ///< bytes not read yet, after which appends are refused
    std::uint32_t max_record = 16u << 20;
    std::uint64_t segment_bytes = 64u << 20;
    offset first = 0; ///< of a log that is new
  };
  /// Opens or creates the log. `random_id` is stored when it is created and is part of its identity from then
  /// on: another folder is another source. Errors: `io`, `full`, `corrupt`, `mismatch` (another number of
  /// partitions).
  [[nodiscard]] static result<std::shared_ptr<ingest_log>> open(std::filesystem::path folder, settings s,
                                                                std::string_view random_id);
  ~ingest_log();

  struct incoming {
    partition_id partition{};
    std::string_view bytes;
  };
  struct range {
    partition_id partition{};
    offset begin = 0, end = 0;
  };
  /// Stores all records or none; they are durable on return. The ranges are ascending by partition. Blocks on
  /// fsync. Errors: `full` (too much unread, or the disk), `event_too_large`, `io`.
  [[nodiscard]] result<std::vector<range>> append(event_time arrival, const std::vector<incoming>& records);
  /// Why nothing can be appended any more before it is opened again, if that is so: the disk has failed.
  [[nodiscard]] std::optional<error> broken() const;
  /// Records below `upto` are not needed any more: whole segments of them are removed.
  status release(partition_id p, offset upto);

  [[nodiscard]] std::uint32_t partitions() const noexcept;
  [[nodiscard]] std::string identity() const;
  /// The first stored offset, and the one after the last durable record.
  [[nodiscard]] offset begin(partition_id p) const;
  [[nodiscard]] offset end(partition_id p) const;

  struct counters {
    std::uint64_t records = 0, bytes = 0; ///< accepted since open
    std::uint64_t groups = 0;             ///< rounds of fsync that it took
    std::uint64_t unread = 0;             ///< bytes on disk that the reader has not seen
  };
  [[nodiscard]] counters count() const;

  /// The reader goes on from here. Errors: `out_of_range` (beyond the end), `corrupt`, `io`.
  status seek(partition_id p, offset at);
  /// Records from where the reader is, about `max_bytes` but at least one; null if there are none. The reader
  /// is behind them afterwards. Errors: `out_of_range` (no longer stored), `corrupt`, `io`.
  [[nodiscard]] result<record_batch_ptr> read(partition_id p, std::size_t max_bytes);
  [[nodiscard]] offset reader(partition_id p) const;
  /// Waits until one of `wanted` has something to read, or `wake`, or the time is over.
  void wait(const std::vector<partition_id>& wanted, std::chrono::milliseconds time);
  /// Ends a `wait`, or the next one if there is none.
  void wake() noexcept;

private:
  struct impl;
  explicit ingest_log(std::unique_ptr<impl> i);
  std::unique_ptr<impl> impl_;
};

} // namespace tidemill
