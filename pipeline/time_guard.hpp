#pragma once

#include "event/batch.hpp"
#include "event/bytes.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace tidemill {

/// The watermark of a partition, moved record by record, and the quarantine of times from the future.
///
///     watermark = newest accepted time − out_of_order
///
/// Where records carry arrival times, a time more than `max_future` after its arrival is refused. Elsewhere a
/// time that jumps more than `max_future` over the newest waits for the next three records: it is accepted if
/// at least two of them (at the end of the input: none of those left denies it) lie no further than
/// `max_future` before it.
class time_guard {
public:
  time_guard(microseconds out_of_order, microseconds max_future, bool arrival_times)
      : out_of_order_(out_of_order), max_future_(max_future), arrival_times_(arrival_times) {}

  enum class verdict : std::uint8_t { accepted, future, undecided };
  /// Judges record i of a run of decoded records in offset order; accepted ones move the watermark.
  /// `more`: further records may follow the run. Undecided: i needs more records; nothing changed.
  verdict judge(std::span<const event_time> times, std::span<const record> records, std::size_t i, bool more);
  /// The same for records from `i` on, as long as nothing needs to be looked up: returns the first one that
  /// has to be judged singly, or `end`. All before it are accepted; `before[k]` is the watermark before k.
  std::size_t accept(std::span<const event_time> times, std::span<const record> records, std::size_t i,
                     std::size_t end, std::span<event_time> before);

  [[nodiscard]] event_time watermark() const noexcept { return watermark_; }
  /// Moves the watermark of an idle or ended partition; never back.
  void advance(event_time to) noexcept { watermark_ = std::max(watermark_, to); }
  void save(byte_writer& out) const;
  [[nodiscard]] bool load(byte_reader& in);

private:
  microseconds out_of_order_, max_future_;
  bool arrival_times_;
  event_time watermark_ = time_min;
  event_time newest_ = time_min;
};

} // namespace tidemill
