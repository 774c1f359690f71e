// What a worker does between batches: idleness, checkpoints, the end.
#include "actors/state_check.hpp"
#include "actors/worker.hpp"
#include "pipeline/idleness.hpp"

#include <caf/send.hpp>

#include <algorithm>

namespace tidemill {
namespace {

constexpr std::chrono::milliseconds first_wait{200}, longest_wait{10'000};
constexpr std::uint64_t long_journal = 1'000; // entries that a start would have to read

std::chrono::steady_clock::time_point from_board(const std::atomic<std::int64_t>& nanoseconds) {
  return std::chrono::steady_clock::time_point{
      std::chrono::nanoseconds{nanoseconds.load(std::memory_order_relaxed)}};
}

} // namespace

/// A partition whose source has had nothing for `idle` follows the slowest active one; if all are idle, event
/// time goes on with the clock, so that the last windows close. The decision reads the clock and its
/// neighbours; the entry makes it repeatable.
void worker_state::look_for_idleness() {
  const auto& idle = s_.all->sources[s_.source].idle;
  auto now = std::chrono::steady_clock::now();
  auto& mine = shown();
  if (!idle || state_->ended() || mine.held_back || !state_->may_enter())
    return;
  auto quiet_for = now - from_board(mine.last_record);
  mine.idle = quiet_for >= *idle;
  if (!mine.idle || now - last_entry_ < std::chrono::seconds{1})
    return;
  std::vector<quiet_partition> all;
  for (const auto& p : s_.status->sources[s_.source]->partitions)
    if (!p->ended)
      all.push_back({p->watermark_time(),
                     std::chrono::duration_cast<microseconds>(now - from_board(p->last_record)), p->idle});
  auto target = idle_watermark(all, std::chrono::duration_cast<microseconds>(now - idle_since_));
  auto idle_before = idle_since_;
  if (target.by_clock)
    idle_since_ = now;
  if (target.to == time_min || target.to <= state_->watermark())
    return;
  last_entry_ = now;
  if (!try_enter({0, journal_entry::what::advance, target.to, 0, {}}))
    idle_since_ = idle_before; // the clock's time that has passed is not lost
}

/// Of a partition without new records a checkpoint is due, too, lest its journal grow for ever and versions
/// of tables be kept that nobody looks up.
bool worker_state::nothing_to_save() const {
  return saved_at_ == state_->position() && !table_changed_ &&
         journal_->end() - saved_entries_ < long_journal;
}

void worker_state::save_if_due(bool now) {
  auto at = state_->position();
  if (saving_ || pending_ || nothing_to_save())
    return;
  auto due = now || unsaved_bytes_ >= s_.checkpoint_bytes;
  auto wait = save_again_.count() > 0 ? save_again_ : due ? std::chrono::milliseconds{0} : s_.checkpoint;
  if (self_->clock().now() - last_save_ < wait)
    return;
  last_save_ = self_->clock().now();
  unsaved_bytes_ = 0;
  sync_journal();
  checkpoint c;
  c.at = at;
  c.journal = snapshot_entries_ = journal_->end() - state_->entries_due();
  table_changed_ = false;
  c.source = s_.identity;
  c.mark = mark_;
  c.state_ids = state_identities(s_.all->sources[s_.source]);
  c.tables = state_->table_versions();
  c.state = state_->snapshot();
  pending_ = std::move(c);
  hand_over_checkpoint();
}

/// A checkpoint must not be ahead of what its sinks hold durably: a replay from it would skip their tail.
void worker_state::hand_over_checkpoint() {
  if (!pending_ ||
      !std::ranges::all_of(sinks_, [&](const sink_link& s) { return s.durable >= pending_->at; }))
    return;
  for (const auto& s : sinks_)
    pending_->sinks[std::to_string(s.index)] = s.durable;
  saving_ = true;
  caf::anon_send(s_.saver, atom::saved_v, s_.key, std::make_shared<const checkpoint>(std::move(*pending_)),
                 worker_actor{self_});
  pending_.reset();
}

void worker_state::durable(std::size_t sink, offset upto) {
  for (auto& s : sinks_)
    if (s.index == sink)
      s.durable = std::max(s.durable, upto);
  hand_over_checkpoint();
}

void worker_state::saved(offset at, offset needed, std::uint64_t journal) {
  saving_ = false;
  // Until it is stored everything goes on from the checkpoint before: nothing that it needs is released.
  if (at == checkpoint_failed) {
    save_again_ = std::clamp(save_again_ * 2, first_wait, longest_wait);
    return;
  }
  save_again_ = {};
  saved_at_ = at;
  saved_entries_ = snapshot_entries_;
  shown().checkpoint = at;
  s_.committed(at);
  (void)journal_->drop_below(journal); // whole segments only; a failure costs space, not safety
  s_.release(needed);
  begin_if_ready();
}

/// The last words: everything is flushed, saved, and then the supervisor hears `drained`.
void worker_state::drain() {
  draining_ = true;
  held_.clear();
  beat();
}

void worker_state::finish_drain() {
  auto done = !started_ || (saved_at_ == state_->position() && !saving_ && !pending_);
  if (!done) {
    save_if_due(true);
    self_->delayed_send(self_, std::chrono::milliseconds{20}, atom::beat_v);
    return;
  }
  shown().running = false;
  self_->quit();
}

} // namespace tidemill
