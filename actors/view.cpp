#include "actors/view.hpp"

#include "actors/alert_feeder.hpp"
#include "actors/kept_rows.hpp"
#include "actors/worker.hpp"
#include "pipeline/view_log_pieces.hpp"

#include <caf/send.hpp>

#include <algorithm>
#include <deque>
#include <stdexcept>

namespace tidemill {
namespace {

constexpr std::chrono::milliseconds full_disk_wait{500};

void require(const status& s) {
  if (!s)
    throw std::runtime_error{s.error().text()};
}

} // namespace

void view_state_actor::start(view_setup setup) {
  s_ = std::move(setup);
  workers_.resize(s_.partitions);
  state_ = std::make_unique<view>(s_.all, s_.source, s_.view, s_.partitions, s_.incarnation, s_.alert_epoch);
  auto opened = open_view_log(s_.log, *state_);
  if (!opened)
    throw std::runtime_error{opened.error().text()};
  log_ = std::move(*opened);
  if (log_->begin() == log_->end())
    write_head();
  show_alerts(state_->alerts());
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

status view_state_actor::append(const std::vector<std::string>& records) {
  std::deque<std::string> cut;
  auto appended = log_->append(cut_records(records, cut));
  return appended ? status{} : status{appended.error()};
}

void view_state_actor::write_head() {
  auto rolled = log_->roll();
  auto from = log_->end();
  auto records = state_->head();
  auto written = rolled;
  if (rolled)
    written = append(records);
  if (!written && written.error().code() == errc::full && from > 0) {
    bytes_after_head_ /= 2; // the log stays long for a while
    return;
  }
  require(written);
  require(log_->sync());
  require(log_->drop_below(from));
  bytes_after_head_ = 0;
}

void view_state_actor::open(partition_id p, std::uint64_t incarnation, const worker_actor& from) {
  if (unwritten_) {
    // A worker forgets what the hello says is durable.
    after_write_.emplace_back([=, this] { open(p, incarnation, from); });
    return;
  }
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

view_tick view_state_actor::next_tick() {
  const auto& plan = s_.all->sources[s_.source].views[s_.view];
  auto now = std::chrono::steady_clock::now();
  auto open = plan.emit_every && now - last_open_ >= *plan.emit_every;
  if (open)
    last_open_ = now;
  else if (plan.emit_every)
    due_ = true; // open rows are still to come
  keep_entries();
  return state_->tick(open);
}

/// Sinks of a rule that stand in an earlier log than this lack all of it.
void view_state_actor::keep_entries() {
  for (std::size_t rule = 0; rule < s_.held.size(); ++rule) {
    const auto first = place_in_sink(s_.alerts.at(rule)->load()->epoch, 0);
    const auto held = s_.held[rule]->least();
    state_->keep_entries(rule, held > first ? held - first : 0);
  }
}

void view_state_actor::tick() {
  if (unwritten_ && std::chrono::steady_clock::now() < write_again_)
    return;
  due_ = false;
  auto t = unwritten_ ? *std::exchange(unwritten_, std::nullopt) : next_tick();
  if (!write(t)) {
    unwritten_ = std::move(t);
    due_ = true;
    write_again_ = std::chrono::steady_clock::now() + full_disk_wait;
    return;
  }
  s_.status->views[s_.shown]->windows_sealed += t.sealed.size();
  send_sealed(std::move(t.sealed), std::nullopt);
  t.sealed.clear();
  show(t);
  show_alerts(t.alerts);
  auto acks = std::move(t.acks);
  caf::anon_send(s_.publisher, std::make_shared<const view_tick>(std::move(t)));
  for (const auto& [p, ack] : acks)
    caf::anon_send(workers_[to_index(p)], s_.index, ack);
  for (const auto& waiting : std::exchange(after_write_, {}))
    waiting();
}

/// First the log, then the world. False: the disk is full, nothing is written.
bool view_state_actor::write(const view_tick& t) {
  if (t.log.empty())
    return true;
  const auto appended = append(t.log);
  auto full = !appended && appended.error().code() == errc::full;
  s_.status->problem("log of view " + s_.status->views[s_.shown]->name, full ? appended.error().text() : "");
  if (full)
    return false;
  require(appended);
  for (const auto& r : t.log)
    bytes_after_head_ += r.size();
  if (t.sync)
    require(log_->sync());
  if (bytes_after_head_ > s_.log_bytes && bytes_after_head_ > log_->bytes() / 2)
    write_head();
  return true;
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
  if (unwritten_) {
    after_write_.emplace_back([=, this] { sink_holds(sink, end); });
    return;
  }
  sinks_[sink] = end;
  auto least = time_max;
  for (const auto& [other, held] : sinks_)
    least = std::min(least, held);
  state_->keep_after(least);
  if (resumed_.insert(sink).second)
    send_sealed(state_->sealed_after(end), sink);
}

void view_state_actor::resend() {
  if (unwritten_) {
    after_write_.emplace_back([this] { resend(); });
    return;
  }
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

void view_state_actor::show_alerts(const std::vector<alert_snapshot_ptr>& logs) {
  for (std::size_t i = 0; i < logs.size(); ++i)
    if (logs[i])
      s_.alerts.at(i)->store(logs[i]);
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
