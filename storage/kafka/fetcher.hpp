#pragma once

#include "event/ids.hpp"
#include "event/result.hpp"
#include "storage/record_source.hpp"

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace tidemill {

/// Where a partition of ours lives in Kafka.
struct topic_partition {
  std::string topic;
  std::int32_t number = 0;
  friend auto operator<=>(const topic_partition&, const topic_partition&) = default;
};

/// Brings the records of single partitions; knows nothing of groups. Two of them: `client_fetcher` uses the
/// client library and speaks all its dialects, `wire_fetcher` speaks the protocol itself over plain text and
/// costs a fraction.
///
/// One thread, the source's own; `wake` any thread. Memory: no more is read ahead than `read_ahead` bytes in
/// all. Control records, and with `read_committed` records of aborted or open transactions, are never shown;
/// offsets may have holes.
class fetcher {
public:
  struct settings {
    std::size_t read_ahead = 64u << 20; ///< bytes that may wait here, over all partitions
    bool read_committed = true;
    bool meta = false; ///< fill `record::meta`
    bool check_crcs = true;
  };

  virtual ~fetcher() = default;
  /// From now on, or again: the next records are those at or after `at`. What was read ahead is dropped.
  virtual status seek(partition_id p, const topic_partition& from, offset at) = 0;
  /// No longer ours.
  virtual void forget(partition_id p) = 0;
  /// As `record_source::poll`. `out` receives batches; `polled_gap` when the log begins behind what is
  /// wanted, `polled_halted` when it ends before it, a record can't be read, or reading it is not permitted.
  virtual status poll(const std::vector<partition_id>& wanted, std::size_t max_bytes,
                      std::chrono::milliseconds wait, std::vector<polled>& out) = 0;
  virtual void wake() noexcept = 0;
  /// Whether it notices by itself that the partition's topic was exchanged under its name.
  [[nodiscard]] virtual bool knows_topic(partition_id p) const {
    (void)p;
    return false;
  }
  /// Records behind the end of the partition, as of the last answer of its broker.
  [[nodiscard]] virtual std::uint64_t lag(partition_id p) const = 0;
  [[nodiscard]] virtual std::vector<source_gauge> gauges() const { return {}; }
};

} // namespace tidemill
