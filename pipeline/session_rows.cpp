// Rows of sessions, and what of them is in the view's log.
#include "pipeline/session_view.hpp"

#include "pipeline/by_key.hpp"
#include "pipeline/row_parts.hpp"

#include <algorithm>
#include <utility>

namespace tidemill {
namespace {

constexpr std::size_t rows_per_record = 1000;

bool same_place(const row& a, const row& b) noexcept {
  return a.window_end == b.window_end && a.window_start == b.window_start;
}

row_ptr find_place(const std::vector<row_ptr>& rows, const row& r) {
  auto at = std::ranges::find_if(rows, [&](const row_ptr& other) { return same_place(*other, r); });
  return at == rows.end() ? nullptr : *at;
}

} // namespace

void session_view::find_sessions(const session_key& k) {
  auto& all = sessions_;
  all.clear();
  if (!k.total.empty())
    all.push_back({span_of(k.total), true, 0, 0});
  const auto slices = k.unsealed.all();
  for (std::size_t i = 0; i < slices.size(); ++i) {
    event_span of_slice;
    slices[i].in->for_each(slices[i].cell, [&](const std::byte* state, const late_counts&) {
      of_slice.merge(span_in(state + what_.layout->offset(*what_.span)));
    });
    if (!all.empty() && goes_on(all.back().span, of_slice))
      all.back().span.merge(of_slice);
    else
      all.push_back({of_slice, false, i, i});
    all.back().to = i + 1;
  }
}

row_ptr session_view::make_row(const session_key& k, const event_span& span, const accumulator& total,
                               const late_counts& late, row_state state) {
  auto r = std::make_shared<row>();
  r->window_start = endless_ ? time_min : span.first;
  r->window_end = endless_ ? time_max : end_of(span);
  r->key = k.key;
  r->state = state;
  if (!endless_)
    for (const auto& [through, n] : late)
      r->revision += through >= done_with(span) ? n : 0;
  take_by(k.key, what_.by.size(), slots_);
  r->columns.reserve(what_.schema->columns.size());
  r->columns.assign(slots_.begin(), slots_.end());
  append_results(what_, total, endless_ ? microseconds{} : r->window_end - r->window_start, slots_,
                 r->columns);
  return r;
}

/// As `fold_oldest` and `join` would: the same bits as the final row, if nothing more comes.
row_ptr session_view::make_row(const session_key& k, const session& s, row_state state) {
  if (total_.empty()) {
    total_ = accumulator{what_.layout};
    slice_ = accumulator{what_.layout};
  }
  total_.reset();
  late_counts late;
  if (s.sealed_too) {
    total_.merge(k.total);
    late = k.late;
  }
  const auto slices = k.unsealed.all();
  for (auto i = s.from; i < s.to; ++i) {
    const auto first = i == s.from && !s.sealed_too;
    auto& of_slice = first ? total_ : slice_;
    if (!first)
      slice_.reset();
    slices[i].in->for_each(slices[i].cell, [&](const std::byte* pane, const late_counts& of_pane) {
      of_slice.merge(pane);
      for (const auto& [beyond, n] : of_pane)
        add_late(late, slices[i].slice + beyond, n);
    });
    if (!first)
      total_.merge(slice_);
  }
  return make_row(k, s.span, total_, late, state);
}

void session_view::compose(session_key& k, event_time watermark, view_tick& t) {
  std::vector<row_ptr> fresh;
  auto closes = time_max;
  find_sessions(k);
  std::span<const session> all{sessions_};
  if (endless_ && all.size() > 1)
    all = all.last(1); // those before have been left for too long
  for (const auto& s : all) {
    auto is_open = endless_ || end_of(s.span) > watermark;
    if (is_open && !endless_)
      closes = std::min(closes, end_of(s.span));
    if (!is_open || endless_ || what_.emit_every)
      fresh.push_back(make_row(k, s, is_open ? row_state::open : row_state::closed));
  }
  for (const auto& old : k.shown)
    if (!find_place(fresh, *old) && !find_place(k.finished, *old))
      t.remove.push_back(old);
  for (auto& r : fresh)
    if (auto old = find_place(k.shown, *r); old && *old == *r)
      r = std::move(old);
    else
      t.put.push_back(r);
  k.shown = std::move(fresh);
  k.finished.clear();
  note_closing(k, closes);
}

void session_view::compose_due(event_time watermark, bool open, view_tick& t) {
  std::vector<session_key*> now;
  closing_.take(
      closing_.bucket_of(watermark), [&](const session_key& k) { return k.closes <= watermark; }, now);
  for (auto* k : now) {
    k->closes = time_max;
    k->due = false; // it is looked at now
  }
  // Open rows are shown at their times only, if at all; final ones at once.
  const auto at_once = open || !what_.emit_every;
  std::vector<session_key*> later;
  for (auto* k : std::exchange(due_, {}))
    if (!k->due)
      continue;
    else if (at_once || !k->finished.empty())
      now.push_back(k);
    else
      later.push_back(k);
  due_ = std::move(later);
  const auto put = t.put.size(), removed = t.remove.size();
  for (auto* k : now) {
    k->due = false;
    compose(*k, watermark, t);
  }
  sort_by_key(std::span{t.put}.subspan(put));
  sort_by_key(std::span{t.remove}.subspan(removed));
  for (auto* k : now)
    forget_unused(*k);
}

std::vector<std::pair<event_time, std::vector<row_ptr>>> session_view::sealed_after(event_time after) const {
  return {rows_.upper_bound(after), rows_.end()};
}

std::vector<row_ptr> session_view::rows() const {
  std::vector<row_ptr> all;
  for (const auto& [end, rows] : rows_)
    all.insert(all.end(), rows.begin(), rows.end());
  auto keys = keys_.all();
  sort_by_key(std::span{keys});
  for (const auto* k : keys)
    all.insert(all.end(), k->shown.begin(), k->shown.end());
  return all;
}

void session_view::write_rows(byte_writer& out, std::span<const row_ptr> rows) const {
  std::string cells;
  out.varint(rows.size());
  for (const auto& r : rows) {
    out.svarint(r->window_start.time_since_epoch().count());
    out.svarint(r->window_end.time_since_epoch().count());
    write_row(out, what_.by.size(), *r, cells);
  }
}

bool session_view::read_rows(byte_reader& in) {
  for (auto n = in.varint(); n > 0; --n) {
    auto start = event_time{microseconds{in.svarint()}};
    auto end = event_time{microseconds{in.svarint()}};
    auto r = read_row(in, *what_.schema);
    if (!r || !in.ok())
      return false;
    r->window_start = start;
    r->window_end = end;
    r->state = row_state::sealed;
    rows_[end].push_back(std::move(r));
  }
  return in.ok();
}

std::vector<std::string> session_view::head() const {
  std::vector<std::string> records{log_.head_record()};
  std::vector<row_ptr> final;
  for (const auto& [end, rows] : rows_)
    final.insert(final.end(), rows.begin(), rows.end());
  for (std::span<const row_ptr> rest = final; !rest.empty();) {
    auto some = rest.first(std::min(rest.size(), rows_per_record));
    byte_writer out{records.emplace_back(1, 'R')};
    write_rows(out, some);
    rest = rest.subspan(some.size());
  }
  for (const auto* k : by_age(unfinished_.all())) {
    byte_writer out{records.emplace_back(1, 'K')};
    out.text(k->key);
    save(k->late, out);
    k->total.save(out);
  }
  records.push_back(view_log_frame::end_record());
  return records;
}

status session_view::recover(std::string_view record) {
  TIDEMILL_TRY(auto mine, log_.open(record, "RK"));
  if (!mine) {
    sealed_through_ = std::max(sealed_through_, log_.through);
    return {};
  }
  auto& in = mine->body;
  auto sound = mine->kind == 'S'   ? recover_sealed(in)
               : mine->kind == 'R' ? read_rows(in)
               : mine->kind == 'K' ? recover_key(in)
                                   : false;
  return sound && in.ok() && in.at_end() ? status{} : damaged_view_log();
}

bool session_view::recover_key(byte_reader& in) {
  auto& k = keys_.at(in.text());
  auto sound = load(k.late, in);
  auto total = accumulator::load(what_.layout, in);
  if (!sound || !total || !in.ok() || !k.total.empty())
    return false;
  k.total = std::move(*total);
  unfinished_.put(k, done_with(span_of(k.total)));
  return true;
}

bool session_view::recover_sealed(byte_reader& in) {
  auto s = in.svarint();
  if (!in.ok() || s <= sealed_through_)
    return false;
  std::vector<row_ptr> again; // the rows follow
  for (auto n = in.varint(); n > 0; --n) {
    auto bytes = in.text();
    late_counts late;
    if (!in.ok() || !load(late, in))
      return false;
    byte_reader bits{in.text()};
    auto state = accumulator::load(what_.layout, bits);
    if (!in.ok() || !state || !bits.at_end())
      return false;
    join(keys_.at(bytes), s, std::move(*state), late, again);
  }
  finish_through(s, again);
  sealed_through_ = log_.through = s;
  for (auto* k : std::exchange(due_, {})) {
    k->due = false;
    k->finished.clear();
    forget_unused(*k);
  }
  return read_rows(in);
}

} // namespace tidemill
