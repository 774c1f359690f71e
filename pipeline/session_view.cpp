#include "pipeline/session_view.hpp"

#include "pipeline/by_key.hpp"
#include "pipeline/row_parts.hpp"
#include "pipeline/take_panes.hpp"

#include <algorithm>
#include <utility>

namespace tidemill {
namespace {

std::int64_t floor_div(std::int64_t a, std::int64_t b) noexcept {
  return a / b - (a % b < 0);
}

} // namespace

session_view::session_view(const view_plan& what, std::size_t partitions)
    : what_(what), window_(what.window), endless_(what.schema->endless()), log_(what, partitions),
      unsealed_(*what.layout) {}

session_view::~session_view() = default;

const event_span& session_view::span_of(const accumulator& a) const noexcept {
  return span_in(a.data() + what_.layout->offset(*what_.span));
}

bool session_view::goes_on(const event_span& known, const event_span& next) const noexcept {
  if (window_.cut > 0 && floor_div(window_.slice_of(known.last), window_.cut) !=
                             floor_div(window_.slice_of(next.first), window_.cut))
    return false;
  return next.first - known.last <= window_.gap;
}

event_time session_view::end_of(const event_span& known) const noexcept {
  auto end = known.last + window_.gap;
  if (window_.cut == 0)
    return end;
  auto next_cut = floor_div(window_.slice_of(known.last), window_.cut) + 1;
  return std::min(end, window_.start_of(next_cut * window_.cut));
}

// An event of a later slice is behind the end. One at the end itself still goes on, and so it may be in this
// slice.
std::int64_t session_view::done_with(const event_span& known) const noexcept {
  return window_.slice_of(end_of(known));
}

bool session_view::put_pane(const pane_image& pane, std::uint64_t hash, partition_id from) {
  auto& k = keys_.at(pane.key, hash);
  make_due(k);
  return unsealed_.replace(k, pane, from);
}

void session_view::take(partition_id from, std::span<const std::string> pieces) {
  take_panes(from, pieces, keys_, sealed_through_,
             [&](const pane_image& pane, std::uint64_t hash) { return put_pane(pane, hash, from); });
}

void session_view::make_due(session_key& k) {
  if (!std::exchange(k.due, true))
    due_.push_back(&k);
}

void session_view::note_closing(session_key& k, event_time at) {
  k.closes = at;
  if (at == time_max)
    closing_.remove(k);
  else
    closing_.put(k, closing_.bucket_of(at));
}

/// Nothing is left of a key that isn't due.
void session_view::forget_unused(session_key& k) {
  if (!k.unsealed.empty() || !k.total.empty() || !k.shown.empty() || k.due)
    return;
  note_closing(k, time_max);
  keys_.remove(k);
}

std::optional<std::int64_t> session_view::next_to_seal() const {
  std::optional<std::int64_t> next;
  if (!unsealed_.empty())
    next = unsealed_.first();
  if (!unfinished_.empty())
    next = next ? std::min(*next, unfinished_.first()) : unfinished_.first();
  return next;
}

void session_view::seal(event_time watermark, view_tick& t) {
  if (watermark == time_min)
    return;
  if (!unsealed_.empty())
    newest_ = std::max(newest_, unsealed_.last());
  // The end of the input is no time that anything could be older than.
  auto target =
      endless_ && watermark == time_max ? newest_ : window_.last_ended(watermark - window_.lateness);
  while (sealed_through_ < target) {
    auto next = next_to_seal();
    if (!next || *next > target) {
      sealed_through_ = target;
      break;
    }
    seal_slice(*next, t);
  }
}

void session_view::seal_slice(std::int64_t s, view_tick& t) {
  t.log.emplace_back(1, 'S');
  byte_writer out{t.log.back()};
  out.svarint(s);
  const auto keys = unsealed_.keys_in(s);
  out.varint(keys.size());
  std::vector<row_ptr> done;
  std::string bits;
  for (auto* k : keys) {
    late_counts late;
    auto state = fold_oldest(*k, late);
    bits.clear();
    byte_writer w{bits};
    state.save(w);
    out.text(k->key);
    save(late, out);
    out.text(bits);
    join(*k, s, std::move(state), late, done);
  }
  unsealed_.drop(s, keys);
  finish_through(s, done);
  sort_by_key(
      std::span{done}, [](const row_ptr& r) { return r->window_end.time_since_epoch().count(); },
      [](const row_ptr& r) -> std::string_view { return r->key; });
  write_rows(out, done);
  t.sync = true;
  sealed_through_ = log_.through = s;
  for (const auto& r : done) {
    rows_[r->window_end].push_back(r);
    if (t.sealed.empty() || t.sealed.back().first != r->window_end)
      t.sealed.emplace_back(r->window_end, std::vector<row_ptr>{});
    t.sealed.back().second.push_back(r);
  }
  t.put.insert(t.put.end(), done.begin(), done.end());
}

accumulator session_view::fold_oldest(const session_key& k, late_counts& late) const {
  accumulator total{what_.layout};
  const auto& place = k.unsealed.front();
  place.in->for_each(place.cell, [&](const std::byte* state, const late_counts& of_pane) {
    total.merge(state);
    for (const auto& [beyond, n] : of_pane)
      add_late(late, beyond, n);
  });
  return total;
}

void session_view::join(session_key& k, std::int64_t slice, accumulator state, const late_counts& late,
                        std::vector<row_ptr>& done) {
  if (!k.total.empty()) {
    if (goes_on(span_of(k.total), span_of(state)))
      k.total.merge(state);
    else
      finish(k, done);
  }
  if (k.total.empty())
    k.total = std::move(state);
  const auto& now = span_of(k.total);
  unfinished_.put(k, done_with(now));
  for (const auto& [beyond, n] : late)
    add_late(k.late, slice + beyond, n);
  // An end only moves on: what was not too late for it never will be.
  std::erase_if(k.late, [&](const auto& l) { return l.first < k.ending.bucket; });
  make_due(k);
}

void session_view::finish(session_key& k, std::vector<row_ptr>& done) {
  if (!endless_) {
    auto r = make_row(k, span_of(k.total), k.total, k.late, row_state::sealed);
    k.finished.push_back(r);
    done.push_back(std::move(r));
  }
  let_go(k);
}

void session_view::let_go(session_key& k) {
  unfinished_.remove(k);
  k.total = {};
  k.late.clear();
  make_due(k);
}

void session_view::finish_through(std::int64_t slice, std::vector<row_ptr>& done) {
  std::vector<session_key*> over;
  unfinished_.take(
      slice, [](const session_key&) { return true; }, over);
  for (auto* k : over)
    finish(*k, done);
  if (what_.max_keys > 0)
    forget_oldest();
}

std::vector<session_key*> session_view::by_age(std::vector<session_key*> keys) const {
  sort_by_key(
      std::span{keys},
      [&](const session_key* k) { return span_of(k->total).last.time_since_epoch().count(); },
      [](const session_key* k) -> std::string_view { return k->key; });
  return keys;
}

void session_view::forget_oldest() {
  while (unfinished_.size() > what_.max_keys) {
    // The sooner a session is done with, the older is its last event.
    const auto in = unfinished_.in_first();
    auto oldest = by_age({in.begin(), in.end()});
    oldest.resize(std::min(oldest.size(), unfinished_.size() - what_.max_keys));
    for (auto* k : oldest)
      let_go(*k);
  }
}

void session_view::publish(event_time watermark, const std::vector<offset>& have, bool open, view_tick& t) {
  seal(watermark, t);
  if (!shown_)
    for (auto* k : keys_.all())
      make_due(*k);
  compose_due(watermark, open || !shown_, t);
  if (!std::exchange(shown_, true)) {
    // What earlier incarnations have shown isn't known: a row may be of a session that goes on now.
    t.whole = true;
    t.remove.clear();
    t.put = rows();
  }
  if (log_.advance(have))
    t.log.push_back(log_.frontier_record());
}

event_time session_view::trim(event_time keep) {
  if (rows_.empty())
    return log_.trimmed;
  auto until = std::min(rows_.rbegin()->first - what_.schema->retain, keep);
  rows_.erase(rows_.begin(), rows_.upper_bound(until));
  return log_.trimmed = std::max(log_.trimmed, until);
}

bool session_view::nothing_unsealed() const noexcept {
  return unsealed_.empty() && (endless_ || unfinished_.empty());
}

} // namespace tidemill
