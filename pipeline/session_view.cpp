#include "pipeline/session_view.hpp"

#include "pipeline/row_parts.hpp"

#include <algorithm>
#include <stdexcept>
#include <tuple>
#include <utility>

namespace tidemill {
namespace {

std::int64_t floor_div(std::int64_t a, std::int64_t b) noexcept {
  return a / b - (a % b < 0);
}

} // namespace

session_view::session_view(const view_plan& what, std::size_t partitions)
    : what_(what), window_(what.window), endless_(what.schema->endless()), log_(what, partitions) {}

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

session_key& session_view::key(std::string_view bytes) {
  auto known = keys_.find(bytes);
  if (known != keys_.end())
    return known->second;
  auto& k = keys_[std::string{bytes}];
  k.key = bytes;
  take_by(bytes, what_.by.size(), k.by);
  return k;
}

bool session_view::put_pane(const pane_image& pane, partition_id from) {
  auto& k = key(pane.key);
  byte_reader state{pane.state};
  auto loaded = accumulator::load(what_.layout, state);
  if (!loaded || !state.at_end())
    return false;
  auto place =
      std::ranges::lower_bound(k.unsealed, std::pair{pane.slice, from}, {}, [](const session_pane& p) {
        return std::pair{p.slice, p.from};
      });
  auto of_slice = [&](auto at) { return at != k.unsealed.end() && at->slice == pane.slice; };
  if (!of_slice(place) && !(place != k.unsealed.begin() && of_slice(std::prev(place))))
    unsealed_[pane.slice].push_back(&k);
  if (!of_slice(place) || place->from != from)
    place = k.unsealed.insert(place, session_pane{pane.slice, from, {}, {}});
  place->state = std::move(*loaded);
  place->late = pane.late;
  make_due(k);
  return true;
}

void session_view::take(partition_id from, std::span<const std::string> pieces) {
  for (const auto& piece : pieces) {
    auto sound = for_each_pane(piece, [&](const pane_image& pane) {
      return pane.slice <= sealed_through_ || put_pane(pane, from); // else a replay: it is final already
    });
    if (!sound)
      throw std::logic_error{"a flush of partition " + std::to_string(to_index(from)) + " doesn't decode"};
  }
}

void session_view::make_due(session_key& k) {
  if (!std::exchange(k.due, true))
    due_.push_back(&k);
}

void session_view::note_closing(session_key& k, event_time at) {
  if (k.closes == at)
    return;
  if (k.closes != time_max)
    closing_.erase({k.closes, &k});
  k.closes = at;
  if (at != time_max)
    closing_.emplace(at, &k);
}

/// Nothing is left of a key that isn't due.
void session_view::forget_unused(session_key& k) {
  if (!k.unsealed.empty() || !k.total.empty() || !k.shown.empty() || k.due)
    return;
  note_closing(k, time_max);
  keys_.erase(keys_.find(k.key));
}

std::optional<std::int64_t> session_view::next_to_seal() const {
  std::optional<std::int64_t> next;
  if (!unsealed_.empty())
    next = unsealed_.begin()->first;
  if (!unfinished_.empty()) {
    auto done = done_with(span_of(unfinished_.begin()->second->total));
    next = next ? std::min(*next, done) : done;
  }
  return next;
}

void session_view::seal(event_time watermark, view_tick& t) {
  if (watermark == time_min)
    return;
  if (!unsealed_.empty())
    newest_ = std::max(newest_, unsealed_.rbegin()->first);
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
  std::vector<session_key*> keys;
  if (auto in = unsealed_.find(s); in != unsealed_.end()) {
    keys = std::move(in->second);
    unsealed_.erase(in);
  }
  std::ranges::sort(keys, {}, [](const session_key* k) -> const std::string& { return k->key; });
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
  finish_through(s, done);
  std::ranges::sort(done, [](const row_ptr& a, const row_ptr& b) {
    return std::tie(a->window_end, a->key) < std::tie(b->window_end, b->key);
  });
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

accumulator session_view::fold_oldest(session_key& k, late_counts& late) {
  accumulator total{what_.layout};
  auto slice = k.unsealed.front().slice;
  auto p = k.unsealed.begin();
  for (; p != k.unsealed.end() && p->slice == slice; ++p) {
    total.merge(p->state);
    for (const auto& [beyond, n] : p->late)
      add_late(late, beyond, n);
  }
  k.unsealed.erase(k.unsealed.begin(), p);
  return total;
}

void session_view::join(session_key& k, std::int64_t slice, accumulator state, const late_counts& late,
                        std::vector<row_ptr>& done) {
  if (!k.total.empty()) {
    auto known = span_of(k.total);
    unfinished_.erase({known.last, &k});
    if (goes_on(known, span_of(state)))
      k.total.merge(state);
    else
      finish(k, done);
  }
  if (k.total.empty())
    k.total = std::move(state);
  const auto& now = span_of(k.total);
  unfinished_.emplace(now.last, &k);
  for (const auto& [beyond, n] : late)
    add_late(k.late, slice + beyond, n);
  // An end only moves on: what was not too late for it never will be.
  std::erase_if(k.late, [&](const auto& l) { return l.first < done_with(now); });
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
  k.total = {};
  k.late.clear();
  make_due(k);
}

void session_view::finish_through(std::int64_t slice, std::vector<row_ptr>& done) {
  while (!unfinished_.empty()) {
    auto& k = *unfinished_.begin()->second;
    if (done_with(span_of(k.total)) > slice)
      break;
    unfinished_.erase(unfinished_.begin());
    finish(k, done);
  }
  while (what_.max_keys > 0 && unfinished_.size() > what_.max_keys) {
    auto& k = *unfinished_.begin()->second;
    unfinished_.erase(unfinished_.begin());
    let_go(k);
  }
}

void session_view::publish(event_time watermark, const std::vector<offset>& have, bool open, view_tick& t) {
  seal(watermark, t);
  if (!shown_)
    for (auto& [bytes, k] : keys_)
      make_due(k);
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
