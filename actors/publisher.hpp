#pragma once

#include "actors/messages.hpp"
#include "event/rows.hpp"

#include <caf/actor.hpp>
#include <caf/behavior.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>

#include <functional>
#include <memory>

namespace tidemill {

class publication;

struct publisher_setup {
  std::shared_ptr<const view_schema> schema;
  std::uint64_t epoch = 0;
  std::size_t partitions = 0;
  std::shared_ptr<view_cell> cell; ///< where readers find the snapshot
  std::function<caf::actor()>
      view; ///< to ask for its rows; null at the first start: the view sends them by itself
};

/// Numbers the changes of one view and puts the snapshot where HTTP, WebSocket and mirrors read it.
struct publisher_state {
  static inline const char* name = "publisher";
  publisher_state();
  ~publisher_state();
  void apply(const view_tick& t);

  publisher_setup setup;
  std::unique_ptr<publication> rows;
  event_time recovering_since{};
};

/// Messages: tick_ptr; drain.
caf::behavior publisher(caf::stateful_actor<publisher_state>* self, publisher_setup setup);

} // namespace tidemill
