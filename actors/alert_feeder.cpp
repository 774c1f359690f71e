#include "actors/alert_feeder.hpp"

#include "actors/worker.hpp"

#include <caf/send.hpp>

#include <algorithm>

namespace tidemill {
namespace {

constexpr std::uint64_t entries_per_batch = 1000;

void send_next(caf::stateful_actor<alert_feeder_state>* self) {
  auto& s = self->state;
  if (s.in_flight)
    return;
  if (auto work = s.next()) {
    s.in_flight = true;
    caf::anon_send(s.setup.sink, std::move(work), caf::actor_cast<caf::actor>(self));
  }
}

} // namespace

sink_work_ptr alert_feeder_state::next() {
  const auto log = setup.log->load();
  if (!at || log->epoch == 0)
    return nullptr;
  // A log of an earlier epoch in the sink is whole: it will never grow again.
  const auto first = place_in_sink(log->epoch, log->begin);
  const auto from = std::max(*at, first) - place_in_sink(log->epoch, 0);
  if (from >= log->end())
    return nullptr;
  auto work = std::make_shared<sink_work>();
  auto& batch = work->batch;
  batch.partition = static_cast<partition_id>(setup.number);
  const auto to = std::min(log->end(), from + entries_per_batch);
  for (auto i = from; i < to; ++i) {
    const auto& e = *log->log[i - log->begin];
    batch.events.push_back(
        {{batch.partition, place_in_sink(log->epoch, i), 0}, e.json, log->rule->name, std::nullopt});
    batch.bytes += e.json.size();
  }
  batch.upto = place_in_sink(log->epoch, to);
  at = batch.upto;
  return work;
}

caf::behavior alert_feeder(caf::stateful_actor<alert_feeder_state>* self, alert_feeder_setup setup) {
  self->set_exception_handler(describe_exception);
  self->state.setup = std::move(setup);
  const auto& s = self->state.setup;
  caf::anon_send(s.sink, atom::resume_v, s.number, caf::actor_cast<caf::actor>(self));
  self->delayed_send(self, s.tick, atom::beat_v);
  return {
      [=](atom::resume, std::uint64_t held) {
        self->state.at = held;
        self->state.setup.hold->note(self->state.setup.place, held);
        send_next(self);
      },
      [=](atom::durable, std::uint64_t upto) {
        self->state.in_flight = false;
        self->state.setup.hold->note(self->state.setup.place, upto);
        send_next(self);
      },
      [=](atom::beat) {
        send_next(self);
        self->delayed_send(self, self->state.setup.tick, atom::beat_v);
      },
      [=](atom::drain) {
        // The sink is drained behind this actor: it writes all that is in its mailbox.
        while (auto work = self->state.next())
          caf::anon_send(self->state.setup.sink, std::move(work), caf::actor_cast<caf::actor>(self));
        self->quit();
      },
  };
}

} // namespace tidemill
