#pragma once

#include "actors/alert_hold.hpp"
#include "actors/messages.hpp"
#include "event/alerts.hpp"

#include <caf/actor.hpp>
#include <caf/behavior.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

namespace tidemill {

/// The place of an entry in a sink of events, where a log is a partition: later logs are behind earlier ones.
/// Requires an epoch and an offset below 2^32.
[[nodiscard]] constexpr offset place_in_sink(std::uint64_t epoch, std::uint64_t entry) noexcept {
  return epoch << 32 | entry;
}

struct alert_feeder_setup {
  caf::actor sink;
  std::uint32_t number = 0; ///< of the log among the sink's partitions
  std::shared_ptr<const alert_cell> log;
  std::shared_ptr<alert_hold> hold; ///< hears what the sink has …
  std::size_t place = 0;            ///< … under this number
  std::chrono::milliseconds tick{100};
};

/// Brings the entries of one alert to one sink of events, each once, one batch in flight. A sink that fails
/// is started anew, and its feeders with it: they ask it where it stands. Messages: (resume, offset),
/// (durable, offset), beat; drain: what is left, then quit.
struct alert_feeder_state {
  static inline const char* name = "alert_feeder";
  alert_feeder_setup setup;
  std::optional<offset> at; ///< what the sink holds; nothing: it has not told yet
  bool in_flight = false;
  /// The next entries that the sink lacks; null if there are none, or they may not be sent yet.
  [[nodiscard]] sink_work_ptr next();
};
caf::behavior alert_feeder(caf::stateful_actor<alert_feeder_state>* self, alert_feeder_setup setup);

} // namespace tidemill
