#pragma once

#include "pipeline/plan.hpp"

#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace tidemill {

/// Looks whether a source is partitioned as `partitioned_by` promises: whether events with equal keys come in
/// one partition.
///
/// A sample: of the events the first 65,536 of each partition, then every 16th; of the keys the 16,384 with
/// the lowest hashes, which are the same in all partitions. Only partitions that this process reads.
/// Thread-safe.
class partition_watch {
public:
  /// `source` must outlive the watch.
  explicit partition_watch(const source_plan& source) : source_(source) {}

  /// The selected rows of a batch as the source gave them. True: a key has been found in two partitions, and
  /// it is the first one.
  bool see(const event_batch& batch);

  struct breach {
    std::uint64_t keys = 0; ///< found in two partitions
    std::string text;       ///< the first of them, where, and what to do; empty: there is none
  };
  [[nodiscard]] breach found() const;
  /// `ip, path`: the promised fields.
  [[nodiscard]] std::string fields() const;

  static constexpr std::uint64_t watched_rows = 65'536, one_in = 16;
  static constexpr std::size_t most_keys = 16'384;

private:
  struct place {
    std::uint32_t partition = 0;
    offset at = 0;
    bool told = false;
  };
  struct candidate {
    std::uint64_t hash;
    std::uint32_t row;
  };
  /// Rows to be looked at, and the highest hash that matters.
  std::pair<std::uint64_t, std::uint64_t> begin(std::uint32_t partition, std::size_t rows);
  void note(const candidate& c, const event_batch& batch);
  void tell(const candidate& c, const event_batch& batch, const place& before);

  const source_plan& source_;
  mutable std::mutex mutex_;
  std::vector<std::uint64_t> rows_; // seen, by partition
  std::unordered_map<std::uint64_t, place> places_;
  std::vector<std::uint64_t> heap_; // the hashes in `places_`, the highest in front
  breach found_;
};

} // namespace tidemill
