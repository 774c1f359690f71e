#include "pipeline/view_state.hpp"

#include "pipeline/row_parts.hpp"

#include <algorithm>
#include <utility>

namespace tidemill {

view_state::view_state(const view_plan& what, std::size_t partitions)
    : frame(what, partitions), what_(what), unsealed_(*what.layout) {}

key_history& view_state::history(key_state& k) const {
  if (!k.history)
    k.history = std::make_unique<key_history>(
        key_history{sliding_fold{what_.layout, what_.window.slices}, {}, false, {}});
  return *k.history;
}

key_state* view_state::replace(const pane_image& pane, std::uint64_t hash, partition_id from) {
  auto& k = keys_.at(pane.key, hash);
  return unsealed_.replace(k, pane, from) ? &k : nullptr;
}

std::optional<std::int64_t> view_state::next_to_seal() {
  std::optional<std::int64_t> next;
  if (!unsealed_.empty())
    next = unsealed_.first();
  if (!live().empty()) {
    auto e = what_.window.next_window_end(sealed_through + 1);
    next = next ? std::min(*next, e) : e;
  }
  return next;
}

bool view_state::has_events(const key_state& k, std::int64_t e) const {
  auto first = e - what_.window.slices + 1;
  if (k.history && k.history->sealed.any_within(first, e))
    return true;
  auto rest = k.unsealed.since(first);
  return !rest.empty() && rest.front().slice <= e;
}

bool view_state::has_row(const key_state& k, std::int64_t e) const {
  if (has_events(k, e))
    return true;
  if (!sliding())
    return false;
  auto before = e - what_.window.step;
  return before <= sealed_through ? k.had() : has_events(k, before);
}

std::shared_ptr<row> view_state::make_row(const key_state& k, std::int64_t e, row_state state,
                                          const accumulator& total, std::uint32_t revision) {
  auto r = std::make_shared<row>();
  r->window_end = what_.window.end_of(e);
  r->window_start = what_.window.window_start(e);
  r->key = k.key;
  r->state = state;
  r->revision = revision;
  take_by(k.key, what_.by.size(), slots_);
  r->columns.reserve(what_.schema->columns.size());
  r->columns.assign(slots_.begin(), slots_.end());
  append_results(what_, total, r->window_end - r->window_start, slots_, r->columns);
  return r;
}

std::shared_ptr<row> view_state::compose(key_state& k, std::int64_t e, row_state state) {
  auto first = e - what_.window.slices + 1;
  if (total_.empty())
    total_ = accumulator{what_.layout};
  auto& total = total_;
  auto any = false;
  std::uint32_t revision = 0;
  if (k.any_sealed()) {
    any = k.history->sealed.window(first, state == row_state::sealed ? e : sealed_through, total);
    const auto& late = k.history->late;
    for (auto it = late.lower_bound(first); it != late.end() && it->first <= e; ++it)
      revision += late_for(it->second, e - it->first);
  }
  for (const auto& place : k.unsealed.since(first)) {
    if (place.slice > e)
      break;
    place.in->for_each(place.cell, [&](const std::byte* of_pane, const late_counts& late) {
      std::exchange(any, true) ? total.merge(of_pane) : assign(*what_.layout, total.data(), of_pane);
      revision += late_for(late, e - place.slice);
    });
  }
  if (!any)
    total.reset();
  return make_row(k, e, state, total, revision);
}

bool view_state::changed(key_state& k, std::int64_t e, const row_ptr& r) {
  auto* shown = k.published.find(e);
  if (shown == nullptr) {
    k.published.add({e, r});
    return true;
  }
  if (*shown->row == *r)
    return false;
  shown->row = r;
  return true;
}

void view_state::compose_closed(key_state& k, std::span<const key_window> windows, std::int64_t through,
                                std::vector<row_ptr>& put) {
  auto one = [&](std::int64_t e, row_models* learning) {
    auto r = compose(k, e, row_state::closed);
    if (learning != nullptr)
      learning->score(what_, *r);
    if (changed(k, e, r))
      put.push_back(std::move(r));
  };
  if (what_.scores.empty()) {
    for (const auto& w : windows)
      one(w.end, nullptr);
    return;
  }
  auto copies = k.history ? k.history->models.clone() : row_models{};
  for_each_row(k, sealed_through, through, [&](std::int64_t e) { one(e, &copies); });
}

void view_state::compose_open(key_state& k, std::int64_t closed, std::int64_t oldest,
                              std::vector<row_ptr>& put) {
  if (k.unsealed.empty() && !k.any_sealed())
    return;
  auto one = [&](std::int64_t e) {
    auto r = compose(k, e, row_state::open);
    r->columns.resize(r->columns.size() + what_.scores.size());
    if (changed(k, e, r))
      put.push_back(std::move(r));
  };
  // Where windows don't end with each slice, the newest one may be sealed before its window is closed.
  auto newest =
      what_.window.next_window_end(k.unsealed.empty() ? k.history->sealed.newest() : k.unsealed.back().slice);
  for (const auto& shown : k.published.since(std::max(oldest, closed + 1))) {
    if (shown.slice >= newest)
      break;
    one(shown.slice); // replaces it where it is
  }
  if (newest > closed)
    one(newest);
}

void view_state::fold_cell(key_state& k, std::int64_t s, byte_writer& log) {
  enter_live(k);
  auto& h = history(k);
  auto* total = h.sealed.push(s);
  late_counts late;
  const auto& place = k.unsealed.front(); // older slices are sealed
  place.in->for_each(place.cell, [&](const std::byte* state, const late_counts& of_pane) {
    what_.layout->merge(total, state);
    for (const auto& [beyond, n] : of_pane)
      add_late(late, beyond, n);
  });
  bits_.clear();
  byte_writer out{bits_};
  what_.layout->save(total, out);
  log.text(k.key);
  save(late, log);
  log.text(bits_);
  if (!late.empty())
    h.late[s] = std::move(late);
}

void view_state::enter_live(key_state& k) {
  if (!k.live())
    entering_.push_back(&k);
}

void view_state::settle_live() {
  if (std::exchange(leaving_, false))
    std::erase_if(live_, [](const key_state* k) { return !k->live(); });
  if (entering_.empty())
    return;
  // A key may have entered, left and entered again since.
  std::erase_if(entering_, [](const key_state* k) { return !k->live(); });
  std::ranges::sort(entering_, key_order{});
  const auto known = static_cast<std::ptrdiff_t>(live_.size());
  live_.insert(live_.end(), entering_.begin(), entering_.end());
  std::inplace_merge(live_.begin(), live_.begin() + known, live_.end(), key_order{});
  live_.erase(std::unique(live_.begin(), live_.end()), live_.end());
  entering_.clear();
}

void view_state::seal_window(std::int64_t s, std::span<key_state* const> due, std::vector<row_ptr>& rows,
                             std::vector<key_state*>& of) {
  for_each_key(due, [&](key_state& k) {
    if (!has_row(k, s))
      return;
    auto r = compose(k, s, row_state::sealed);
    if (!what_.scores.empty())
      history(k).models.score(what_, *r);
    rows.push_back(std::move(r));
    of.push_back(&k);
  });
}

void view_state::window_done(key_state& k, std::int64_t s) {
  k.published.erase(s);
  look_at(k);
  if (!sliding())
    return;
  auto& h = history(k);
  h.had = has_events(k, s);
  auto first = s + what_.window.step - what_.window.slices + 1; // of the next window
  h.sealed.drop_below(first);
  h.late.erase(h.late.begin(), h.late.lower_bound(first));
  leaving_ |= !k.live();
}

view_state::sealed_slice view_state::seal(std::int64_t s) {
  sealed_slice out;
  byte_writer log{out.log};
  begin_sealed(log, s);
  const auto in_slice = unsealed_.keys_in(s);
  log.varint(sliding() ? in_slice.size() : 0);
  if (sliding())
    for_each_key(in_slice, [&](key_state& k) { fold_cell(k, s, log); });
  if (sliding())
    unsealed_.drop(s, in_slice);
  std::vector<key_state*> of_rows;
  if (what_.window.window_ends(s) && sliding())
    seal_window(s, live(), out.rows, of_rows);
  else if (what_.window.window_ends(s))
    seal_window(s, in_slice, out.rows, of_rows);
  log.varint(out.rows.size());
  for (const auto& r : out.rows)
    write_row(log, what_.by.size(), *r, cells_);
  if (!sliding())
    unsealed_.drop(s, in_slice);
  for (auto* k : in_slice)
    look_at(*k);
  sealed_through = frame.through = s;
  for_each_key(of_rows, [&](key_state& k) { window_done(k, s); });
  if (!out.rows.empty())
    rows_[s] = out.rows;
  return out;
}

std::vector<std::pair<event_time, std::vector<row_ptr>>> view_state::sealed_after(event_time after) const {
  std::vector<std::pair<event_time, std::vector<row_ptr>>> all;
  for (const auto& [e, rows] : rows_)
    if (what_.window.end_of(e) > after)
      all.emplace_back(what_.window.end_of(e), rows);
  return all;
}

std::vector<row_ptr> view_state::published_rows() const {
  std::vector<row_ptr> all;
  for (const auto& [e, rows] : rows_)
    all.insert(all.end(), rows.begin(), rows.end());
  for (const auto* k : keys_.all())
    for (const auto& shown : k->published.all())
      all.push_back(shown.row);
  return all;
}

event_time view_state::trim(event_time keep) {
  if (rows_.empty())
    return frame.trimmed;
  auto newest = what_.window.end_of(rows_.rbegin()->first);
  auto until = std::min(newest - what_.schema->retain, keep);
  while (!rows_.empty() && what_.window.end_of(rows_.begin()->first) <= until) {
    if (!what_.scores.empty()) // models are of no use any more when all rows that they have seen are gone
      for (const auto& r : rows_.begin()->second)
        if (auto* k = keys_.find(r->key); k != nullptr && !remembers(*k))
          look_at(*k);
    rows_.erase(rows_.begin());
  }
  return frame.trimmed = std::max(frame.trimmed, until);
}

void view_state::look_at(key_state& k) {
  if (!std::exchange(k.maybe_unused, true))
    unused_.push_back(&k);
}

bool view_state::remembers(const key_state& k) const {
  return k.history && !rows_.empty() &&
         !k.history->models.forgotten(what_, what_.window.end_of(rows_.rbegin()->first));
}

void view_state::forget_unused(const std::function<void(key_state*)>& leaving) {
  settle_live(); // no pointers to keys that go
  for (auto* k : unused_) {
    k->maybe_unused = false;
    if (!k->unsealed.empty() || k->any_sealed() || k->had() || remembers(*k) || !k->published.empty())
      continue;
    leaving(k);
    keys_.remove(*k);
  }
  unused_.clear();
}

} // namespace tidemill
