#include "actors/sinks.hpp"

#include "actors/worker.hpp"

#include <caf/send.hpp>

#include <algorithm>
#include <stdexcept>
#include <thread>
#include <utility>

namespace tidemill {
namespace {

constexpr std::chrono::milliseconds longest_wait{5'000};

/// `locked`: a process that was taken over has the file until it ends.
bool temporary(const error& e) {
  return e.code() == errc::unavailable || e.code() == errc::full || e.code() == errc::locked;
}

} // namespace

bool retry(const sink_common& c, const std::function<status()>& attempt) {
  std::chrono::milliseconds wait{50};
  for (;;) {
    auto done = attempt();
    if (done) {
      c.status->problem(c.name, "");
      return true;
    }
    ++c.status->sinks[c.shown]->failures;
    c.status->problem(c.name, done.error().text());
    if (!temporary(done.error()))
      throw std::runtime_error{c.name + ": " + done.error().text()};
    for (auto left = wait; left.count() > 0; left -= std::chrono::milliseconds{50}) {
      if (*c.stopping)
        return false;
      std::this_thread::sleep_for(std::min(left, std::chrono::milliseconds{50}));
    }
    wait = std::min(wait * 2, longest_wait);
  }
}

void event_sink_state::start(event_sink_setup setup) {
  s_ = std::move(setup);
  retry(s_.common, [&]() -> status {
    TIDEMILL_TRY(sink_, s_.make());
    TIDEMILL_TRY(held_, sink_->resume());
    return {};
  });
  self_->delayed_send(self_, s_.sync, atom::beat_v);
}

offset event_sink_state::held(std::uint32_t partition) {
  sync(); // what it holds is then durable, too
  auto at = held_.find(static_cast<partition_id>(partition));
  return at == held_.end() ? 0 : at->second;
}

void event_sink_state::tell(std::uint32_t partition, std::uint32_t sink, const worker_actor& to) {
  const auto upto = held(partition);
  const auto all = sink_->reached();
  const auto reached = all.find(static_cast<partition_id>(partition));
  caf::anon_send(to, atom::resume_v, sink, std::uint64_t{upto},
                 std::uint64_t{reached == all.end() ? 0 : reached->second});
}

void event_sink_state::tell_feeder(std::uint32_t partition, const caf::actor& to) {
  caf::anon_send(to, atom::resume_v, std::uint64_t{held(partition)});
}

void event_sink_state::write(const sink_work_ptr& w, std::uint32_t sink, const worker_actor& from) {
  (void)write(w->batch, sink, from);
}

void event_sink_state::write_entries(const sink_work_ptr& w, const caf::actor& from) {
  if (write(w->batch, 0, worker_actor{}))
    caf::anon_send(from, atom::durable_v, std::uint64_t{w->batch.upto});
}

/// False: the pipeline is stopping.
bool event_sink_state::write(const outgoing_batch& batch, std::uint32_t sink, const worker_actor& from) {
  auto& held = held_[batch.partition];
  const auto news = batch.events.empty() && batch.upto == held; // of the watermark alone
  if (batch.upto <= held && held > 0 && !news)
    return true; // of a worker that has died meanwhile; its successor starts from `held`
  if (!retry(s_.common, [&] { return sink_->write(batch); }))
    return false;
  held = batch.upto;
  unsynced_[batch.partition] = {sink, from, held};
  unsynced_bytes_ += batch.bytes;
  s_.common.status->sinks[s_.common.shown]->written += batch.events.size();
  if (unsynced_bytes_ >= s_.sync_bytes)
    sync();
  return true;
}

void event_sink_state::sync() {
  if (unsynced_.empty() || !retry(s_.common, [&] { return sink_->sync(); }))
    return;
  unsynced_bytes_ = 0;
  for (const auto& [p, w] : unsynced_)
    if (w.from)
      caf::anon_send(w.from, atom::durable_v, w.sink, std::uint64_t{w.upto});
  unsynced_.clear();
}

void event_sink_state::beat() {
  self_->delayed_send(self_, s_.sync, atom::beat_v);
  sync();
}

caf::behavior event_sink_actor(caf::stateful_actor<event_sink_state>* self, event_sink_setup setup) {
  self->set_exception_handler(describe_exception);
  self->state.start(std::move(setup));
  return {
      [=](atom::resume, std::uint32_t partition, std::uint32_t sink, const worker_actor& to) {
        self->state.tell(partition, sink, to);
      },
      [=](const sink_work_ptr& w, std::uint32_t sink, const worker_actor& from) {
        self->state.write(w, sink, from);
      },
      [=](atom::resume, std::uint32_t partition, const caf::actor& to) {
        self->state.tell_feeder(partition, to);
      },
      [=](const sink_work_ptr& w, const caf::actor& from) { self->state.write_entries(w, from); },
      [=](atom::beat) { self->state.beat(); },
      [=](atom::drain) {
        self->state.sync();
        self->quit();
      },
  };
}

caf::behavior sealed_sink_actor(caf::stateful_actor<sealed_sink_state>* self, sealed_sink_setup setup) {
  self->set_exception_handler(describe_exception);
  self->state.setup = std::move(setup);
  return {
      [=](atom::resume, std::uint32_t index, const std::shared_ptr<const view_schema>& schema,
          const caf::actor& view) {
        auto& s = self->state;
        s.schema = schema;
        if (!s.sink)
          retry(s.setup.common, [&]() -> status {
            TIDEMILL_TRY(s.sink, s.setup.make());
            TIDEMILL_TRY(s.held, s.sink->resume(*schema));
            return {};
          });
        s.setup.common.status->sinks[s.setup.common.shown]->sealed = s.held.time_since_epoch().count();
        caf::anon_send(view, atom::durable_v, index, std::int64_t{s.held.time_since_epoch().count()});
      },
      [=](const sealed_ptr& sealed, std::uint32_t index, const caf::actor& view) {
        auto& s = self->state;
        if (!s.sink)
          return; // a sink that has just started is sent everything once it has said where it stands
        s.waiting.insert(s.waiting.end(), sealed->begin(), sealed->end());
        s.from = view;
        s.index = index;
        // What else is in the mailbox already comes before this, and is written with it.
        if (!std::exchange(s.due, true))
          self->send(self, atom::beat_v);
      },
      [=](atom::beat) { self->state.write(); },
      [=](atom::drain) {
        self->state.write();
        self->quit();
      },
  };
}

void sealed_sink_state::write() {
  due = false;
  if (waiting.empty() || !retry(setup.common, [&] { return sink->write(*schema, waiting); }))
    return;
  auto& shown = *setup.common.status->sinks[setup.common.shown];
  for (const auto& [end, rows] : waiting)
    if (end > held) { // windows may come twice: from a tick, and again as missing
      held = end;
      shown.written += rows.size();
    }
  waiting.clear();
  shown.sealed = held.time_since_epoch().count();
  caf::anon_send(from, atom::durable_v, index, std::int64_t{held.time_since_epoch().count()});
}

status mirror_state::follow_one(std::size_t i) {
  auto snapshot = setup.cells[i]->load();
  // While a view recovers, the store keeps what readers have seen: it is newer than what is durable here.
  if (snapshot->epoch == 0 || !snapshot->partial.empty())
    return {};
  auto& p = at[i];
  auto now = std::chrono::steady_clock::now();
  // A store may be emptied or replaced behind us: ask now and then, and after every error.
  if (!p.known || now - p.checked > std::chrono::seconds{1}) {
    TIDEMILL_TRY(auto stored, mirror->stored_offset(*snapshot));
    if (stored != p.offset)
      p.epoch = 0; // not where we left it: all rows again
    p.known = true;
    p.checked = now;
  }
  if (p.epoch == snapshot->epoch && p.offset == snapshot->offset)
    return {};
  auto delta = changes_since(*snapshot, p.epoch, p.offset);
  TIDEMILL_CHECK(mirror->apply(*snapshot, delta));
  p.epoch = delta.epoch;
  p.offset = delta.offset;
  auto& shown = *setup.common.status->sinks[setup.common.shown];
  shown.written += delta.put.size();
  shown.epoch = p.epoch;
  shown.offset = p.offset;
  return {};
}

status mirror_state::follow_log(std::size_t i) {
  const auto log = setup.logs[i]->load();
  if (log->epoch == 0)
    return {}; // not read back yet
  auto& p = logs_at[i];
  const auto now = std::chrono::steady_clock::now();
  if (!p.known || now - p.checked > std::chrono::seconds{1}) {
    TIDEMILL_TRY(p.at, logs->stored(*log->rule));
    p.known = true;
    p.checked = now;
  }
  const auto anew = !p.at || p.at->epoch < log->epoch;
  const auto from = anew ? log->begin : p.at->offset;
  if (p.at == log_position{log->epoch, log->end()} || (anew && log->end() == 0))
    return {};
  TIDEMILL_CHECK(logs->append(*log, from, anew));
  p.at = log_position{log->epoch, log->end()};
  setup.common.status->sinks[setup.common.shown]->written += log->end() - std::min(from, log->end());
  return {};
}

status mirror_state::make_all() {
  if (!mirror && !setup.cells.empty()) {
    TIDEMILL_TRY(mirror, setup.make());
  }
  if (!logs && !setup.logs.empty()) {
    TIDEMILL_TRY(logs, setup.make_logs());
  }
  return {};
}

void mirror_state::follow() {
  auto done = make_all();
  for (std::size_t i = 0; i < setup.cells.size() && done; ++i)
    done = follow_one(i);
  for (std::size_t i = 0; i < setup.logs.size() && done; ++i)
    done = follow_log(i);
  setup.common.status->problem(setup.common.name, done ? "" : done.error().text());
  if (done) {
    backoff = std::chrono::milliseconds{0};
    return;
  }
  ++setup.common.status->sinks[setup.common.shown]->failures;
  for (auto& p : at)
    p.known = false;
  for (auto& p : logs_at)
    p.known = false;
  backoff = std::min(std::max(backoff * 2, std::chrono::milliseconds{100}), longest_wait);
}

caf::behavior mirror_actor(caf::stateful_actor<mirror_state>* self, mirror_setup setup) {
  self->set_exception_handler(describe_exception);
  self->state.at.resize(setup.cells.size());
  self->state.logs_at.resize(setup.logs.size());
  self->state.setup = std::move(setup);
  self->send(self, atom::beat_v);
  return {
      [=](atom::beat) {
        auto& s = self->state;
        s.follow();
        self->delayed_send(self, std::max(s.setup.tick, s.backoff), atom::beat_v);
      },
      [=](atom::drain) {
        self->state.follow();
        self->quit();
      },
  };
}

caf::behavior saver_actor(caf::stateful_actor<saver_state>* self, saver_setup setup) {
  self->set_exception_handler(describe_exception);
  self->state.setup = std::move(setup);
  return {
      [=](atom::saved, const std::string& key, const checkpoint_ptr& c, const worker_actor& from) {
        auto& s = self->state.setup;
        auto done = s.store->save(key, *c);
        s.status->problem(key + " checkpoint", done ? "" : done.error().text());
        if (!done)
          return caf::anon_send(from, atom::saved_v, std::uint64_t{checkpoint_failed}, std::uint64_t{0},
                                std::uint64_t{0});
        auto needed = s.store->needed(key);
        if (!needed)
          return caf::anon_send(from, atom::saved_v, std::uint64_t{c->at}, std::uint64_t{0},
                                std::uint64_t{0});
        s.needed_tables(key, needed->tables);
        caf::anon_send(from, atom::saved_v, std::uint64_t{c->at}, std::uint64_t{needed->at},
                       std::uint64_t{needed->journal});
      },
      [=](atom::drain) { self->quit(); },
  };
}

} // namespace tidemill
