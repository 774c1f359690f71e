#include "actors/view.hpp"

#include "actors/worker.hpp"

#include <caf/send.hpp>

#include <algorithm>
#include <stdexcept>

namespace tidemill {
namespace {

void require(const status& s) {
  if (!s)
    throw std::runtime_error{s.error().text()};
}

} // namespace

void view_state_actor::start(view_setup setup) {
  s_ = std::move(setup);
  workers_.resize(s_.partitions);
  state_ = std::make_unique<view>(s_.all, s_.source, s_.view, s_.partitions, s_.incarnation);
  auto opened = segment_log::open(s_.log, {.segment_bytes = 16u << 20, .max_record = 256u << 20});
  if (!opened)
    throw std::runtime_error{opened.error().text()};
  log_ = std::move(*opened);
  require(log_->read(log_->begin(), [&](std::uint64_t, std::string_view record) {
    require(state_->recover(record));
    return true;
  }));
  if (log_->begin() == log_->end())
    write_head();
  s_.status->views[s_.shown]->recovering = true;
  for (const auto& [sink, handle] : s_.sealed_sinks) {
    sinks_[sink] = time_min;
    caf::anon_send(handle, atom::resume_v, sink, s_.all->sources[s_.source].views[s_.view].schema,
                   caf::actor_cast<caf::actor>(self_));
  }
  if (!sinks_.empty())
    state_->keep_after(time_min);
  resend();
  self_->delayed_send(self_, s_.tick, atom::beat_v);
}

void view_state_actor::write_head() {
  require(log_->roll());
  auto from = log_->end();
  auto records = state_->head();
  auto appended = log_->append(std::vector<std::string_view>{records.begin(), records.end()});
  require(appended ? status{} : status{appended.error()});
  require(log_->sync());
  require(log_->drop_below(from));
  bytes_after_head_ = 0;
}

void view_state_actor::open(partition_id p, std::uint64_t incarnation, const worker_actor& from) {
  workers_.at(to_index(p)) = from;
  caf::anon_send(from, s_.index, state_->open(p, incarnation));
}

void view_state_actor::receive(const flush_ptr& pieces) {
  for (const auto& piece : *pieces)
    due_ |= state_->receive(piece);
}

void view_state_actor::beat() {
  self_->delayed_send(self_, s_.tick, atom::beat_v);
  if (due_)
    tick();
}

void view_state_actor::tick() {
  due_ = false;
  const auto& plan = s_.all->sources[s_.source].views[s_.view];
  auto now = std::chrono::steady_clock::now();
  auto open = plan.emit_every && now - last_open_ >= *plan.emit_every;
  if (open)
    last_open_ = now;
  else if (plan.emit_every)
    due_ = true; // open rows are still to come
  auto t = state_->tick(open);
  write(t);
  s_.status->views[s_.shown]->windows_sealed += t.sealed.size();
  send_sealed(std::move(t.sealed), std::nullopt);
  t.sealed.clear();
  show(t);
  auto acks = std::move(t.acks);
  caf::anon_send(s_.publisher, std::make_shared<const view_tick>(std::move(t)));
  for (const auto& [p, ack] : acks)
    caf::anon_send(workers_[to_index(p)], s_.index, ack);
}

/// First the log, then the world.
void view_state_actor::write(const view_tick& t) {
  if (t.log.empty())
    return;
  std::vector<std::string_view> records{t.log.begin(), t.log.end()};
  for (auto r : records)
    bytes_after_head_ += r.size();
  auto appended = log_->append(records);
  require(appended ? status{} : status{appended.error()});
  if (t.sync)
    require(log_->sync());
  if (bytes_after_head_ > s_.log_bytes && bytes_after_head_ > log_->bytes() / 2)
    write_head();
}

/// To one sink, or to all.
void view_state_actor::send_sealed(sealed_windows sealed, std::optional<std::uint32_t> only) {
  if (sealed.empty())
    return;
  s_.status->views[s_.shown]->newest_sealed = sealed.back().first.time_since_epoch().count();
  auto shared = std::make_shared<const sealed_windows>(std::move(sealed));
  for (const auto& [sink, handle] : s_.sealed_sinks)
    if (!only || sink == *only)
      caf::anon_send(handle, shared, sink, caf::actor_cast<caf::actor>(self_));
}

/// A sealed sink has told where it stands: it gets what it misses; rows stay until all sinks have them.
void view_state_actor::sink_holds(std::uint32_t sink, event_time end) {
  sinks_[sink] = end;
  auto least = time_max;
  for (const auto& [other, held] : sinks_)
    least = std::min(least, held);
  state_->keep_after(least);
  if (resumed_.insert(sink).second)
    send_sealed(state_->sealed_after(end), sink);
}

void view_state_actor::resend() {
  view_tick all;
  all.put = state_->rows();
  all.recovering = state_->recovering();
  all.prefix.resize(s_.partitions);
  caf::anon_send(s_.publisher, std::make_shared<const view_tick>(std::move(all)));
}

void view_state_actor::show(const view_tick& t) {
  auto& shown = *s_.status->views[s_.shown];
  shown.watermark = t.watermark.time_since_epoch().count();
  shown.recovering = t.recovering;
  shown.rows_published += t.put.size();
  shown.finished = state_->finished();
}

caf::behavior view_actor(caf::stateful_actor<view_state_actor>* self, view_setup setup) {
  self->set_exception_handler(describe_exception);
  self->state.start(std::move(setup));
  return {
      [=](atom::open, std::uint32_t p, std::uint64_t incarnation, const worker_actor& from) {
        self->state.open(static_cast<partition_id>(p), incarnation, from);
      },
      [=](const flush_ptr& pieces) { self->state.receive(pieces); },
      [=](atom::durable, std::uint32_t sink, std::int64_t end) {
        self->state.sink_holds(sink, event_time{microseconds{end}});
      },
      [=](atom::rows) { self->state.resend(); },
      [=](atom::beat) { self->state.beat(); },
      [=](atom::drain) {
        self->state.beat();
        self->quit();
      },
  };
}

} // namespace tidemill
