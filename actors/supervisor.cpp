#include "actors/supervisor.hpp"

#include <caf/exit_reason.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/system_messages.hpp>

#include <algorithm>
#include <utility>

namespace tidemill {

std::string to_string(actor_errc x) {
  return x == actor_errc::failed ? "failed" : "final";
}

caf::error describe_exception(std::exception_ptr& e) {
  try {
    std::rethrow_exception(e);
  } catch (const std::exception& what) {
    return caf::make_error(actor_errc::failed, std::string{what.what()});
  } catch (...) {
    return caf::make_error(actor_errc::failed, std::string{"unknown exception"});
  }
}

namespace {

std::string text_of(const caf::error& e) {
  if (e.category() == caf::atom("tidemill"))
    return e.context().empty() ? "failed" : e.context().get_as<std::string>(0);
  return caf::to_string(e);
}

} // namespace

void supervisor_state::start(supervisor_setup setup) {
  s_ = std::move(setup);
  for (std::size_t i = 0; i < s_.children.size(); ++i)
    children_.push_back({{}, restart_policy{s_.limits}, 0, {}, false, s_.children[i].parked, false});
  for (std::size_t i = 0; i < children_.size() && !failed_; ++i)
    if (!children_[i].parked)
      launch(i);
}

void supervisor_state::launch(std::size_t i) {
  auto& c = children_[i];
  c.waiting = false;
  c.policy.started(self_->clock().now());
  c.handle = s_.children[i].start(self_, ++c.incarnation, c.suspected);
  self_->monitor(c.handle);
}

/// A worker that died of a record: the next one looks more closely, until the record is known and skipped.
void supervisor_state::suspect(std::size_t i) {
  const auto& what = s_.children[i];
  auto& c = children_[i];
  auto& b = *s_.status->sources[what.source]->partitions[what.index];
  b.running = false;
  if (!c.parked) // else it is to stay away
    ++b.restarts;
  record_range died_at{b.applying_from, b.applying_to};
  b.applying_from = b.applying_to = 0;
  if (!died_at.empty() && c.suspected.blame(died_at))
    c.policy.forgive(2); // it takes three deaths to find a record, and they count as one
}

void supervisor_state::down(const caf::down_msg& dm) {
  auto it = std::ranges::find_if(children_,
                                 [&](const child& c) { return c.handle && c.handle.address() == dm.source; });
  if (it == children_.end())
    return;
  auto i = static_cast<std::size_t>(it - children_.begin());
  it->handle = nullptr;
  if (draining_)
    return drain_next();
  if (failed_)
    return;
  const auto& what = s_.children[i];
  auto restarting = dm.reason == caf::exit_reason::user_shutdown; // we have ended it ourselves
  if (what.of == supervised::kind::worker)
    suspect(i);
  if (it->parked) {
    if (std::exchange(it->leaving, false))
      s_.released(what.source, what.index);
    return;
  }
  if (!restarting)
    s_.status->problem(what.name, text_of(dm.reason));
  auto delay = restarting
                   ? std::optional{std::chrono::milliseconds{0}}
                   : it->policy.failed(self_->clock().now(), static_cast<double>(jitter_() % 1000) / 1000.0);
  if (!delay)
    return fail(what.name + " failed too often: " + text_of(dm.reason));
  it->waiting = true;
  self_->delayed_send(self_, *delay, atom::restart_v, static_cast<std::uint64_t>(i));
}

void supervisor_state::restart(std::size_t i) {
  if (failed_ || draining_ || !children_[i].waiting)
    return;
  launch(i);
  s_.status->problem(s_.children[i].name, "");
  for (auto d : s_.children[i].dependants) {
    const auto& what = s_.children[d];
    if (!children_[d].handle)
      continue;
    if (s_.children[i].of == supervised::kind::view && what.of == supervised::kind::worker)
      // A view's death costs a worker its link, nothing else.
      caf::anon_send(caf::actor_cast<worker_actor>(children_[d].handle), atom::view_up_v,
                     static_cast<std::uint32_t>(s_.children[i].index), children_[i].handle);
    else
      caf::anon_send_exit(children_[d].handle, caf::exit_reason::user_shutdown);
  }
}

std::size_t supervisor_state::worker_of(std::size_t source, std::size_t partition) const {
  auto it = std::ranges::find_if(s_.children, [&](const supervised& s) {
    return s.of == supervised::kind::worker && s.source == source && s.index == partition;
  });
  return static_cast<std::size_t>(it - s_.children.begin());
}

void supervisor_state::assigned(std::size_t source, std::size_t partition) {
  auto i = worker_of(source, partition);
  if (failed_ || draining_ || i == children_.size())
    return;
  auto& c = children_[i];
  if (s_.status->sources[source]->partitions[partition]->halted)
    return;
  c.parked = false;
  // One that is still on its way out comes back when it has ended, as after a failure.
  if (!c.handle && !c.waiting)
    launch(i);
}

/// Ends a worker that is not to come back.
void supervisor_state::park(std::size_t i, bool at_once) {
  auto& c = children_[i];
  c.parked = true;
  c.waiting = false;
  if (!c.handle)
    return;
  if (at_once)
    caf::anon_send_exit(c.handle, caf::exit_reason::user_shutdown);
  else
    caf::anon_send(caf::actor_cast<worker_actor>(c.handle), atom::drain_v);
}

void supervisor_state::revoked(std::size_t source, std::size_t partition, bool lost) {
  auto i = worker_of(source, partition);
  if (failed_ || draining_ || i == children_.size())
    return;
  park(i, lost);
  if (lost)
    return;
  if (children_[i].handle)
    children_[i].leaving = true;
  else
    s_.released(source, partition);
}

void supervisor_state::halted(std::size_t source, std::size_t partition, const std::string& why) {
  auto i = worker_of(source, partition);
  if (failed_ || draining_ || i == children_.size())
    return;
  s_.status->sources[source]->partitions[partition]->halted = true;
  s_.status->problem("partition " + s_.status->sources[source]->name + "/" + std::to_string(partition), why);
  park(i, true);
}

void supervisor_state::fail(std::string why) {
  if (failed_ || draining_)
    return;
  failed_ = true;
  s_.failed(std::move(why));
}

void supervisor_state::drain() {
  if (draining_)
    return;
  draining_ = true;
  drain_next();
}

/// Workers first, then views, then sinks and publishers: each stage hears the last of the one before.
void supervisor_state::drain_next() {
  using stages = supervised::kind;
  for (auto stage :
       {stages::worker, stages::view, stages::feeder, stages::sink, stages::publisher, stages::saver}) {
    auto waiting = false;
    for (std::size_t i = 0; i < children_.size(); ++i) {
      auto& c = children_[i];
      if (s_.children[i].of != stage || !c.handle)
        continue;
      waiting = true;
      if (c.waiting) // already told
        continue;
      c.waiting = true;
      if (stage == stages::worker)
        caf::anon_send(caf::actor_cast<worker_actor>(c.handle), atom::drain_v);
      else
        caf::anon_send(c.handle, atom::drain_v);
    }
    if (waiting)
      return;
  }
  self_->quit();
}

caf::behavior supervisor(caf::stateful_actor<supervisor_state>* self, supervisor_setup setup) {
  self->set_down_handler([=](caf::down_msg& dm) { self->state.down(dm); });
  self->set_exception_handler(describe_exception);
  self->state.start(std::move(setup));
  return {
      [=](atom::restart, std::uint64_t child) { self->state.restart(child); },
      [=](atom::drain) { self->state.drain(); },
      [=](atom::fatal, const std::string& why) { self->state.fail(why); },
      [=](atom::assigned, std::uint64_t source, std::uint64_t partition) {
        self->state.assigned(source, partition);
      },
      [=](atom::revoked, std::uint64_t source, std::uint64_t partition, bool lost) {
        self->state.revoked(source, partition, lost);
      },
      [=](atom::halted, std::uint64_t source, std::uint64_t partition, const std::string& why) {
        self->state.halted(source, partition, why);
      },
  };
}

} // namespace tidemill
