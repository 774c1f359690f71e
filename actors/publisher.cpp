#include "actors/publisher.hpp"

#include "actors/worker.hpp"
#include "pipeline/publication.hpp"

#include <caf/send.hpp>

namespace tidemill {

publisher_state::publisher_state() = default;
publisher_state::~publisher_state() = default;

void publisher_state::apply(const view_tick& t) {
  publication::tick tick{t.put, t.trim, t.watermark, t.prefix, {}, t.remove};
  if (t.recovering) {
    if (recovering_since == event_time{})
      recovering_since = std::chrono::time_point_cast<microseconds>(std::chrono::system_clock::now());
    tick.partial.push_back(
        {"", "recovering: what is shown is final or was seen before; newer counts follow", recovering_since});
    tick.watermark = time_min;
  } else {
    recovering_since = {};
  }
  setup.cell->store(t.whole ? rows->reset(tick) : rows->apply(tick));
}

caf::behavior publisher(caf::stateful_actor<publisher_state>* self, publisher_setup setup) {
  self->set_exception_handler(describe_exception);
  auto& state = self->state;
  state.setup = std::move(setup);
  state.rows = std::make_unique<publication>(state.setup.schema, state.setup.epoch, state.setup.partitions);
  if (state.setup.view)
    caf::anon_send(state.setup.view(), atom::rows_v);
  return {
      [=](const tick_ptr& t) { self->state.apply(*t); },
      [=](atom::drain) { self->quit(); },
  };
}

} // namespace tidemill
