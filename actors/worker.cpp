// Step 3 of an event's walk: a batch and its partition.
#include "actors/worker.hpp"

#include "event/hash.hpp"

#include <caf/exit_reason.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>

#include <algorithm>
#include <cstdio>
#include <stdexcept>
#include <utility>

namespace tidemill {
namespace {

/// Room for events up to an offset.
std::shared_ptr<sink_work> sink_work_upto(partition_id p, const partition& state, token_ptr token) {
  auto w = std::make_shared<sink_work>();
  w->batch.partition = p;
  w->batch.upto = state.position();
  w->batch.watermark = state.watermark();
  w->token = std::move(token);
  return w;
}

/// Those who look at events on their way.
class lookout final : public event_tap {
public:
  /// Null: not this one.
  lookout(tap_board* taps, std::size_t source, partition_watch* watch) : watch_(watch) {
    if (taps != nullptr)
      eye_.emplace(*taps, source);
  }
  [[nodiscard]] bool looks() const noexcept { return eye_ || watch_ != nullptr; }

  void see(std::size_t stream, std::size_t done, const event_batch& batch) override {
    if (watch_ != nullptr && stream == 0 && done == 0 && watch_->see(batch))
      std::fprintf(stderr, "%s\n", watch_->found().text.c_str());
    if (eye_)
      eye_->see(stream, done, batch);
  }

private:
  std::optional<tap_board::eye> eye_;
  partition_watch* watch_;
};

} // namespace

partition_board& worker_state::shown() const {
  return *s_.status->sources[s_.source]->partitions[to_index(s_.partition)];
}

/// False: the disk is full. Nothing has happened, and it is said; it may be tried again.
bool worker_state::try_enter(journal_entry e) {
  e.at = state_->entry_offset(e.kind);
  auto appended = journal_->append(encode(e));
  if (!appended && appended.error().code() != errc::full)
    throw std::runtime_error{appended.error().text()};
  s_.status->problem(s_.key + " journal", appended ? "" : appended.error().text());
  if (!appended)
    return false;
  journal_dirty_ = true;
  std::vector<emission> out;
  auto upto = state_->read_position();
  name_culprit(suspicious(upto), upto, [&] { state_->enter(e, out); });
  emit(std::move(out), nullptr);
  return true;
}

/// An entry without which the worker can't go on.
void worker_state::enter(journal_entry e) {
  if (!try_enter(std::move(e)))
    throw std::runtime_error{"the disk is full: an entry of the journal of " + s_.key + " can't be written"};
}

/// What was computed with an entry may leave only after the entry is safe.
void worker_state::sync_journal() {
  if (!journal_dirty_)
    return;
  if (auto synced = journal_->sync(); !synced)
    throw std::runtime_error{synced.error().text()};
  journal_dirty_ = false;
}

void worker_state::refresh_tables() {
  const auto& tables = s_.all->sources[s_.source].tables;
  if (tables.empty() || !started_ || state_->ended() || !state_->may_enter())
    return;
  last_tables_ = self_->clock().now();
  auto newest = s_.table_versions();
  if (!newest) {
    s_.status->problem(s_.key + " tables", newest.error().text());
    if (std::ranges::find(state_->table_versions(), "") != state_->table_versions().end())
      throw std::runtime_error{newest.error().text()};
    return;
  }
  s_.status->problem(s_.key + " tables", "");
  for (std::size_t t = 0; t < tables.size(); ++t) {
    const auto& used = state_->table_versions()[t];
    if ((*newest)[t] == used)
      continue;
    journal_entry e{0, journal_entry::what::table, {}, t, (*newest)[t], tables[t]};
    if (used.empty())
      enter(std::move(e)); // nothing can be computed without the table
    else if (!try_enter(std::move(e)))
      return;
    table_changed_ = true;
  }
}

void worker_state::apply(const work_ptr& w) {
  if (draining_)
    return; // undone: the source's thread has ended or will rewind
  shown().idle = false;
  skip_if_due();
  if (suspicious(w->batch->end))
    apply_carefully(w);
  else
    apply_piece(w->batch, false, w->token);
  clear_suspects();
  w->token->done();
  note_mark(*w->batch);
  unsaved_bytes_ += w->batch->bytes;
  ahead_.emplace_back(w->batch->end, w->batch->bytes);
  ahead_bytes_ += w->batch->bytes;
  held_.emplace_back(w->batch->end, w->token);
  release_tokens();
}

/// What the next checkpoint says of the log: one hash for a batch.
void worker_state::note_mark(const record_batch& b) {
  if (!s_.assigned)
    return;
  if (!b.records.empty())
    marks_.emplace_back(b.records.back().end,
                        record_mark{b.records.back().at, hash64(b.records.back().bytes)});
  for (; !marks_.empty() && marks_.front().first <= state_->position(); marks_.pop_front())
    mark_ = marks_.front().second;
}

/// Whether a suspected record lies below `end` and is not done yet. The partition may keep records back, so
/// that they are consumed together with later ones.
bool worker_state::suspicious(offset end) const noexcept {
  const auto& r = s_.suspected.records;
  return state_->position() < r.to && end > r.from;
}

/// What has been applied is innocent: the next end of the process may come from something else.
void worker_state::clear_suspects() {
  if (s_.suspected.records.empty() || s_.suspected.skip || state_->position() < s_.suspected.records.to)
    return;
  s_.suspected = {};
  register_.suspect({});
}

/// As soon as the replay is over: a skip must not change what has left already. The record is not consumed
/// before, since nothing that contains it has ever left.
void worker_state::skip_if_due() {
  if (!s_.suspected.skip || !state_->may_enter())
    return;
  auto at = *std::exchange(s_.suspected.skip, std::nullopt);
  if (at < state_->position())
    return;
  std::fprintf(stderr,
               "%s: the record at offset %llu has ended whoever worked on it; it is a dead letter now\n",
               s_.key.c_str(), static_cast<unsigned long long>(at));
  enter({0, journal_entry::what::skip, {}, at, {}});
}

/// One record after the other, so that the one that kills us is known.
void worker_state::apply_carefully(const work_ptr& w) {
  auto rest = *w->batch;
  auto records = std::exchange(rest.records, {});
  for (const auto& r : records) {
    skip_if_due();
    auto one = std::make_shared<record_batch>(rest);
    one->records = {r};
    one->end = rest.begin = r.end;
    apply_piece(std::move(one), true, w->token);
  }
  if (rest.begin < rest.end)
    apply_piece(std::make_shared<record_batch>(std::move(rest)), true, w->token);
}

void worker_state::apply_piece(const record_batch_ptr& batch, bool careful, const token_ptr& token) {
  std::vector<emission> out;
  name_culprit(careful, batch->end, [&] { state_->apply(batch, out); });
  emit(std::move(out), token);
}

/// Work on records below `upto`, under the eyes of those who look at events. Lets the supervisor know which
/// ones have killed us, and the next process which ones have ended this one.
template <class F>
void worker_state::name_culprit(bool careful, offset upto, F&& work) {
  auto* watch = s_.status->sources[s_.source]->watch.get();
  lookout all{s_.taps && s_.taps->watched(s_.source) ? s_.taps.get() : nullptr, s_.source, watch};
  state_->watch(all.looks() ? &all : nullptr);
  register_.begin({state_->position(), upto});
  state_->one_by_one(careful);
  try {
    work();
  } catch (...) {
    register_.end();
    if (auto at = state_->at_work()) {
      shown().applying_from = *at;
      shown().applying_to = careful ? *at + 1 : state_->read_position();
    }
    throw;
  }
  register_.end();
  state_->watch(nullptr);
}

void worker_state::emit(std::vector<emission> out, const token_ptr& token) {
  if (sinks_.empty())
    return;
  sync_journal();
  const auto& outputs = s_.all->sources[s_.source].outputs;
  auto dead_letters = static_cast<std::uint32_t>(s_.all->sinks.size());
  for (auto& sink : sinks_) {
    auto w = sink_work_upto(at_sinks(), *state_, token);
    for (const auto& e : out) {
      const auto& o = outputs[e.output];
      auto wanted = sink.index == dead_letters
                        ? o.kind != output_kind::events && o.kind != output_kind::exchange
                        : std::ranges::find(o.sinks, sink.index) != o.sinks.end();
      if (!wanted || e.id.at < *sink.floor)
        continue;
      w->batch.bytes += e.json.size();
      const event_id id{at_sinks(), e.id.at, e.id.index};
      auto& event = w->batch.events.emplace_back(outgoing_event{id, e.json, o.name, {}});
      event.input = static_cast<std::uint32_t>(o.input);
      if (o.kind == output_kind::exchange)
        event.key = e.keys.front();
      else if (auto key = std::ranges::find(o.keys, sink.index, &output_key::sink); key != o.keys.end())
        event.key = e.keys.at(static_cast<std::size_t>(key - o.keys.begin()));
    }
    if (w->batch.events.empty())
      continue; // the offset alone follows with the next beat
    sink.sent = w->batch.upto;
    sink.told = w->batch.watermark;
    caf::anon_send(sink.handle, sink_work_ptr{std::move(w)}, sink.index, worker_actor{self_});
  }
}

void worker_state::release_tokens() {
  auto acked = acked_.empty() ? state_->position() : *std::ranges::min_element(acked_);
  while (!ahead_.empty() && ahead_.front().first <= acked) {
    ahead_bytes_ -= ahead_.front().second;
    ahead_.pop_front();
  }
  while (!held_.empty() && (ahead_bytes_ <= s_.unacknowledged || held_.front().first <= acked))
    held_.pop_front();
}

void worker_state::ended(offset at) {
  if (at < state_->read_position() || state_->ended())
    return;
  end_ = at;
}

void worker_state::gap(offset, offset available) {
  if (draining_ || available <= state_->read_position())
    return;
  enter({0, journal_entry::what::gap, {}, available, {}});
  marks_.clear(); // what lay before is gone
  mark_.reset();
  s_.ready(worker_actor{self_}, state_->read_position(), mark_);
}

void worker_state::acked(std::size_t view, const link_ack& a) {
  state_->acked(view, a);
  acked_[view] = std::max(acked_[view], flushed_[view]);
  release_tokens();
}

void worker_state::flush_views() {
  for (std::size_t v = 0; v < s_.views.size(); ++v) {
    if (state_->quiet(v))
      continue;
    auto pieces = state_->flush(v);
    if (pieces.empty())
      continue;
    sync_journal();
    flushed_[v] = pieces.back().upto;
    caf::anon_send(s_.views[v], std::make_shared<const std::vector<link_flush>>(std::move(pieces)));
  }
}

void worker_state::beat() {
  if (!draining_)
    self_->delayed_send(self_, s_.flush, atom::beat_v);
  if (started_) {
    skip_if_due();
    if (end_ && !state_->ended() && state_->may_enter() &&
        try_enter({0, journal_entry::what::end, {}, 0, {}}))
      end_.reset();
    if (self_->clock().now() - last_tables_ >= std::chrono::milliseconds{100})
      refresh_tables();
    look_for_idleness();
    flush_views();
    tell_sinks();
    save_if_due(false);
  } else {
    begin_if_ready();
  }
  show();
  if (draining_)
    finish_drain();
}

/// The offset alone, where there was no event, and the watermark to whom it matters.
void worker_state::tell_sinks() {
  for (auto& sink : sinks_) {
    const auto passed = sink.follows && sink.sent == state_->position() && sink.told < state_->watermark();
    if (sink.sent >= state_->position() && !passed)
      continue;
    sync_journal();
    auto w = sink_work_upto(at_sinks(), *state_, nullptr);
    sink.sent = w->batch.upto;
    sink.told = w->batch.watermark;
    caf::anon_send(sink.handle, sink_work_ptr{std::move(w)}, sink.index, worker_actor{self_});
  }
}

void worker_state::show() {
  auto& b = shown();
  const auto& c = state_->counts();
  b.position = state_->position();
  b.watermark = state_->watermark().time_since_epoch().count();
  b.records = c.records;
  b.dead = c.dead;
  b.future = c.future;
  b.skipped = c.skipped;
  b.unkeyed = c.unkeyed;
  b.lost = c.lost;
  if (!state_->lost().empty()) {
    b.lost_from = state_->lost().back().from.time_since_epoch().count();
    b.lost_until = state_->lost().back().until.time_since_epoch().count();
  }
  std::uint64_t late = 0;
  for (auto n : c.late)
    late += n;
  b.late = late;
  b.panes = state_->panes();
  auto steps = state_->steps();
  for (std::size_t i = 0; i < std::min(steps.size(), b.steps.size()); ++i) {
    b.steps[i].keys = steps[i].keys;
    b.steps[i].dropped = steps[i].dropped;
  }
  b.replaying = state_->replaying();
  b.undecided = state_->read_position() > state_->position();
  b.ended = state_->ended();
}

worker_actor::behavior_type worker(worker_actor::stateful_pointer<worker_state> self, worker_setup setup) {
  self->set_exception_handler(describe_exception);
  auto& state = self->state;
  state.start(std::move(setup));
  return {
      [=](const work_ptr& w) { self->state.apply(w); },
      [=](atom::ended, std::uint64_t at) { self->state.ended(at); },
      [=](atom::gap, std::uint64_t wanted, std::uint64_t available) { self->state.gap(wanted, available); },
      [=](std::uint32_t view, const link_hello& h) { self->state.hello(view, h); },
      [=](std::uint32_t view, const link_ack& a) { self->state.acked(view, a); },
      [=](atom::view_up, std::uint32_t view, const caf::actor& handle) { self->state.view_up(view, handle); },
      [=](atom::resume, std::uint32_t sink, std::uint64_t upto, std::uint64_t reached) {
        self->state.resumed(sink, upto, reached);
      },
      [=](atom::durable, std::uint32_t sink, std::uint64_t upto) { self->state.durable(sink, upto); },
      [=](atom::saved, std::uint64_t at, std::uint64_t needed, std::uint64_t journal) {
        self->state.saved(at, needed, journal);
      },
      [=](atom::beat) { self->state.beat(); },
      [=](atom::drain) { self->state.drain(); },
  };
}

} // namespace tidemill
