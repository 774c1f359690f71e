#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <vector>

namespace tidemill {

/// What a log knows about its segments in memory: first positions, lengths, and for every 64 KiB of a segment
/// where a record begins, so that a reader finds any place with one short read.
///
/// The only state that readers share with the writer: a lock held for no I/O.
class segment_set {
public:
  static constexpr std::uint64_t stride = 64 << 10;

  struct place {
    std::uint64_t position = 0;
    std::uint64_t at = 0; ///< byte in the file
  };
  struct location {
    std::uint64_t first = 0;       ///< of the segment
    place from;                    ///< a record at or before the one asked for
    std::uint64_t end = 0;         ///< position after its last record
    std::uint64_t bytes = 0;       ///< length of its file
    std::uint64_t bytes_after = 0; ///< of the records in all later segments
  };

  /// A new last segment, which begins at the end.
  void add(std::uint64_t first, std::uint64_t bytes);
  /// The last segment has grown to `bytes`, the log to `end`.
  void grow(std::uint64_t end, std::uint64_t bytes, const std::vector<place>& places);
  /// Adds places found while reading; those not beyond the known ones are ignored.
  void learn(std::uint64_t first, const std::vector<place>& places);
  void drop_first();
  void drop_last();
  /// The last segment and the log end at `p`.
  void cut(place p);

  /// The segment that holds `position`, or would hold it at the end; nothing below `begin` or above `end`.
  [[nodiscard]] std::optional<location> find(std::uint64_t position) const;
  [[nodiscard]] std::uint64_t begin() const;
  [[nodiscard]] std::uint64_t end() const;
  [[nodiscard]] std::uint64_t bytes() const;
  [[nodiscard]] std::uint64_t last_first() const;
  [[nodiscard]] std::uint64_t last_bytes() const;
  [[nodiscard]] std::vector<std::uint64_t> firsts() const;

private:
  struct segment {
    std::uint64_t first = 0;
    std::uint64_t bytes = 0;
    std::vector<place> places; ///< ascending; the first record is known without
  };
  static void learn(segment& s, const std::vector<place>& places);

  mutable std::mutex mutex_;
  std::deque<segment> segments_;
  std::uint64_t end_ = 0;
  std::uint64_t bytes_ = 0;
};

} // namespace tidemill
