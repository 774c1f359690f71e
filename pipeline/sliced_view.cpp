#include "pipeline/sliced_view.hpp"

#include "pipeline/take_panes.hpp"

#include <algorithm>
#include <utility>

namespace tidemill {

sliced_view::sliced_view(const view_plan& what, std::size_t partitions, std::uint64_t alert_epoch)
    : what_(what), state_(what, partitions), rules_(what, alert_epoch) {}

sliced_view::~sliced_view() = default;

status sliced_view::recover(std::string_view record) {
  if (record.starts_with(alert_book::record_mark))
    return rules_.recover(record);
  return state_.recover(record);
}

std::vector<std::string> sliced_view::head() const {
  auto records = state_.head();
  for (auto& r : rules_.head())
    records.push_back(std::move(r));
  return records;
}

void sliced_view::take(partition_id from, std::span<const std::string> pieces) {
  take_panes(from, pieces, state_.keys(), state_.sealed_through,
             [&](const pane_image& pane, std::uint64_t hash) {
               auto* k = state_.replace(pane, hash, from);
               if (k != nullptr)
                 note_dirty(*k, pane.slice);
               return k != nullptr;
             });
}

void sliced_view::note_dirty(key_state& key, std::int64_t slice) {
  dirty_.emplace_back(slice, &key);
  if (key.dirty_at == key_state::not_dirty) {
    key.dirty_at = static_cast<std::uint32_t>(dirty_open_.size());
    dirty_open_.emplace_back(&key, slice);
  }
  auto& oldest = dirty_open_[key.dirty_at].second;
  oldest = std::min(oldest, slice);
}

/// Seals every slice up to the watermark − lateness; empty stretches are skipped, however long.
void sliced_view::seal(view_tick& t) {
  const auto& w = what_.window;
  auto at = watermark_;
  if (at == time_min)
    return;
  auto target = w.last_ended(at - w.lateness);
  while (state_.sealed_through < target) {
    auto next = state_.next_to_seal();
    if (!next || *next > target) {
      state_.sealed_through = target;
      break;
    }
    seal_slice(*next, t);
  }
}

void sliced_view::seal_slice(std::int64_t s, view_tick& t) {
  auto sealed = state_.seal(s);
  t.log.push_back(std::move(sealed.log));
  t.sync = true;
  t.put.insert(t.put.end(), sealed.rows.begin(), sealed.rows.end());
  if (!sealed.rows.empty())
    t.sealed.emplace_back(what_.window.end_of(s), std::move(sealed.rows));
}

/// Rows of windows that are closed but not sealed: newly closed ones, and those whose slices changed.
void sliced_view::close(view_tick& t) {
  const auto& w = what_.window;
  auto through = watermark_ == time_min ? nothing_sealed : w.last_ended(watermark_);
  auto from = std::max(closed_, state_.sealed_through);
  if (through > state_.sealed_through) {
    if (through > from && from != nothing_sealed)
      for_each_key(state_.keys().all(), [&](key_state& key) {
        state_.for_each_row(key, from, through, [&](std::int64_t e) { affected_.push_back({&key, e}); });
      });
    for (auto [slice, key] : dirty_)
      for (auto e = w.next_window_end(slice); e <= through && e - w.slices < slice; e += w.step)
        if (e > state_.sealed_through)
          affected_.push_back({key, e});
  }
  closed_ = std::max(closed_, through);
  // Each once, those of a key together. In which order keys come makes no difference to who takes the rows.
  std::ranges::sort(affected_);
  affected_.erase(std::ranges::unique(affected_).begin(), affected_.end());
  for (auto first = affected_.begin(); first != affected_.end();) {
    const auto last =
        std::find_if(first, affected_.end(), [&](const auto& a) { return a.key != first->key; });
    state_.compose_closed(*first->key, {first, last}, through, t.put);
    first = last;
  }
  affected_.clear();
}

/// Rows of open windows that changed.
void sliced_view::emit_open(view_tick& t) {
  if (std::exchange(first_open_, false))
    for (auto* key : state_.live())
      if (key->dirty_at == key_state::not_dirty)
        state_.compose_open(*key, closed_, nothing_sealed, t.put);
  for (auto [key, oldest] : dirty_open_) {
    key->dirty_at = key_state::not_dirty;
    state_.compose_open(*key, closed_, oldest, t.put);
  }
  dirty_open_.clear();
}

void sliced_view::publish(event_time watermark, const std::vector<offset>& have, bool open, view_tick& t) {
  watermark_ = watermark;
  seal(t);
  close(t);
  dirty_.clear();
  rules_.look_at(state_, closed_, watermark_ == time_max, t);
  if (open)
    emit_open(t);
  if (state_.frame.advance(have))
    t.log.push_back(state_.frame.frontier_record());
  state_.forget_unused([&](key_state* key) {
    if (key->dirty_at == key_state::not_dirty)
      return;
    dirty_open_.back().first->dirty_at = key->dirty_at;
    std::swap(dirty_open_[key->dirty_at], dirty_open_.back());
    dirty_open_.pop_back();
  });
}

} // namespace tidemill
