#pragma once

#include "event/ids.hpp"
#include "event/time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// What lies in the log of an exchange: events with their origin, and frontiers.
///
///     event:    kind u8 (1), input, partition, offset, index, body
///     frontier: kind u8 (2), sources: (partitions: (upto, watermark)…)…

/// An event, and where it comes from: input of the exchange, partition of that input's source, record, place
/// among that record's events. A writer that has died may have written it before.
struct exchange_event {
  std::uint32_t input = 0;
  event_id origin;
  std::string_view body; ///< see `pipeline/exchange_body.hpp`
};

/// How far the partitions of the sources have got: all their events below `upto` lie before it in this log.
struct exchange_frontier {
  struct place {
    offset upto = 0;
    event_time watermark = time_min; ///< `time_max`: no record will ever follow
    friend bool operator==(const place&, const place&) = default;
  };
  std::vector<std::vector<place>> sources; ///< by source of the exchange, by partition
  /// The least watermark of all partitions.
  [[nodiscard]] event_time watermark() const noexcept;
  friend bool operator==(const exchange_frontier&, const exchange_frontier&) = default;
};

void append_record(std::string& out, const exchange_event& e);
void append_record(std::string& out, const exchange_frontier& f);

enum class exchange_kind : std::uint8_t { damaged = 0, event = 1, frontier = 2 };
/// Reads a record into what it is; `event.body` points into `bytes`. Damaged bytes change neither.
[[nodiscard]] exchange_kind read_record(std::string_view bytes, exchange_event& event,
                                        exchange_frontier& frontier);

} // namespace tidemill
