#pragma once

#include "event/ids.hpp"
#include "event/result.hpp"
#include "event/time.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// One event on its way out: its identity and its encoded form (one JSON object without line end).
struct outgoing_event {
  event_id id;
  std::string json;
  std::string_view stream = {};        ///< the name of its stream, which lives as long as the pipeline's plan
  std::optional<std::string> key = {}; ///< of the record, where the sink asks for one
  std::uint32_t input = 0;             ///< of an exchange: which of its inputs this belongs to
};

/// Events of one partition up to an offset. `upto` moves also when there are no events.
struct outgoing_batch {
  partition_id partition{};
  offset upto = 0;
  std::vector<outgoing_event> events;
  std::size_t bytes = 0;
  event_time watermark = time_min; ///< of the partition at `upto`
};

/// Writes the events of a stream to the outside, each once.
/// One thread, the sink's own; calls may block. An error is temporary (`unavailable`, `full`: retried with
/// the same batch) or final.
class event_sink {
public:
  virtual ~event_sink() = default;
  /// Per partition the offset up to which events are held durably: replay below it is skipped.
  /// Called once, before the first write; truncates what a crash left half-written.
  [[nodiscard]] virtual result<std::map<partition_id, offset>> resume() = 0;
  /// After `resume`: the offsets from which on nothing has ever been written, if that may be more.
  [[nodiscard]] virtual std::map<partition_id, offset> reached() const { return {}; }
  /// Appends. Events of a partition come in order and each exactly once after `resume`.
  virtual status write(const outgoing_batch& batch) = 0;
  /// Makes all written events durable, together with the offsets that `resume` would then tell.
  virtual status sync() = 0;
};

} // namespace tidemill
