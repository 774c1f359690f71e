#include "pipeline/verify/naive_view.hpp"

#include "pipeline/row_parts.hpp"

#include <algorithm>
#include <utility>

namespace tidemill {
namespace {

std::int64_t floor_div(std::int64_t a, std::int64_t b) noexcept {
  return a / b - (a % b < 0);
}

event_time minus(event_time t, microseconds d) noexcept {
  return t - time_min < d ? time_min : t - d;
}

} // namespace

naive_view::naive_view(const view_plan& what, scope wanted)
    : what_(what), window_(what.window), keep_from_(time_min), keep_to_(time_max) {
  // Models learn from all windows, and a session may begin long before.
  if (window_.kind == window_kind::session || !what.scores.empty())
    return;
  keep_from_ = wanted.from == time_min ? time_min : minus(wanted.from, window_.slide); // for rows of zeros
  keep_to_ = wanted.to;
}

void naive_view::take(const event_batch& batch, const selection& rows,
                      const std::vector<event_time>& watermarks) {
  auto passed = rows;
  std::vector<cel::row_error> failed;
  auto drop = [&] {
    drop_failed(passed, failed);
    failed.clear();
  };
  if (what_.where) {
    column holds;
    what_.where->evaluate(batch, passed, holds, failed);
    drop();
    keep_where(passed, holds);
  }
  std::vector<column> inputs(what_.inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    what_.inputs[i].evaluate(batch, passed, inputs[i], failed);
    drop();
  }
  std::erase_if(passed, [&](std::uint32_t row) {
    auto at = batch.times[row];
    return window_.end_of(window_.slice_of(at)) + window_.lateness <= watermarks[row] || at < keep_from_ ||
           at >= keep_to_;
  });
  if (passed.empty())
    return;
  const auto number = blocks_.empty() ? 0 : blocks_.rbegin()->first + 1;
  auto& block = blocks_[number];
  block.events = passed.size();
  events_ += passed.size();
  for (const auto& from : inputs) {
    auto& own = block.inputs.emplace_back(from.of());
    own.resize(passed.size());
    for (std::size_t i = 0; i < passed.size(); ++i)
      own.set(i, from.at(passed[i]));
  }
  std::string key;
  for (std::uint32_t i = 0; i < passed.size(); ++i) {
    auto row = passed[i];
    auto at = batch.times[row];
    block.times.push_back(at);
    key.clear();
    for (auto slot : what_.by)
      append_encoded(key, batch.columns[slot], row);
    auto k = keys_.find(key);
    if (k == keys_.end())
      k = keys_.emplace(key, key_events{}).first;
    k->second.oldest = std::min(k->second.oldest, at);
    k->second.newest = std::max(k->second.newest, at);
    k->second.events.push_back({at, watermarks[row], window_.slice_of(at), batch.partition, i, number});
  }
}

// Windows are [origin + n·slide, origin + n·slide + size), or units of a calendar.
event_time naive_view::begin_of(std::int64_t window) const noexcept {
  return window_.units ? window_.units->start_of(window)
                       : event_time{window_.origin + window_.slide * window};
}

event_time naive_view::end_of(std::int64_t window) const noexcept {
  return window_.units ? window_.units->start_of(window + 1) : begin_of(window) + window_.size;
}

std::int64_t naive_view::first_after(event_time t) const noexcept {
  if (window_.units)
    return window_.units->unit_of(t);
  auto since = t.time_since_epoch() - window_.size - window_.origin;
  return floor_div(since.count(), window_.slide.count()) + 1;
}

bool naive_view::is_final(event_time window_end, event_time watermark) const noexcept {
  auto end = window_.kind == window_kind::session ? window_.end_of(window_.slice_of(window_end)) : window_end;
  return end + window_.lateness <= watermark;
}

void naive_view::seal(event_time watermark, const std::function<void(const result&)>& each) {
  if (window_.kind == window_kind::session) {
    for (auto k = keys_.begin(); k != keys_.end();)
      k = seal_sessions(k->first, k->second, watermark, each) ? std::next(k) : keys_.erase(k);
    return;
  }
  for (auto n = next_window(); n && is_final(end_of(*n), watermark); n = next_window()) {
    seal_window(*n, each);
    next_ = *n + 1;
  }
}

std::optional<std::int64_t> naive_view::next_window() const {
  std::optional<std::int64_t> next;
  for (const auto& [key, k] : keys_) {
    if (k.events.empty() && !k.had)
      continue;
    auto n = k.had ? *next_ : first_after(k.oldest);
    if (next_)
      n = std::max(n, *next_);
    next = next ? std::min(*next, n) : n;
  }
  return next;
}

void naive_view::seal_window(std::int64_t window, const std::function<void(const result&)>& each) {
  const auto begin = begin_of(window), end = end_of(window), next_begin = begin_of(window + 1);
  for (auto it = keys_.begin(); it != keys_.end();) {
    auto& [key, k] = *it;
    std::vector<const counted_event*> of;
    if (k.oldest < end && k.newest >= begin)
      for (const auto& e : k.events)
        if (e.at >= begin && e.at < end)
          of.push_back(&e);
    const auto has = !of.empty();
    if (has || k.had) {
      row r;
      r.window_start = begin;
      r.window_end = end;
      r.revision = static_cast<std::uint32_t>(
          std::ranges::count_if(of, [&](const auto* e) { return e->watermark >= end; }));
      emit(key, k, std::move(r), std::move(of), each);
    }
    k.had = sliding() && has;
    if (k.oldest < next_begin)
      forget(k, [&](const counted_event& e) { return e.at < next_begin; });
    it = k.events.empty() && !k.had && begins_anew(k, end) ? keys_.erase(it) : std::next(it);
  }
}

std::vector<naive_view::session> naive_view::sessions_of(key_events& k) const {
  std::ranges::sort(k.events, {}, &counted_event::at);
  // The stretch of `max` that a time lies in.
  auto stretch = [&](event_time t) {
    return window_.cut == 0 ? 0 : floor_div(window_.slice_of(t), window_.cut);
  };
  std::vector<session> all;
  for (std::size_t i = 0; i < k.events.size(); ++i) {
    auto at = k.events[i].at;
    auto begins =
        all.empty() || at - k.events[i - 1].at > window_.gap || stretch(at) != stretch(k.events[i - 1].at);
    if (begins)
      all.push_back({i, i, at, {}});
    all.back().to = i + 1;
    all.back().end = at + window_.gap;
    if (window_.cut > 0)
      all.back().end = std::min(all.back().end, window_.start_of((stretch(at) + 1) * window_.cut));
  }
  return all;
}

/// False: nothing is left of the key.
bool naive_view::seal_sessions(const std::string& key, key_events& k, event_time watermark,
                               const std::function<void(const result&)>& each) {
  if (k.oldest == time_max || !is_final(k.oldest, watermark))
    return true;
  std::size_t done = 0;
  for (const auto& s : sessions_of(k)) {
    if (!is_final(s.end, watermark))
      break;
    row r;
    r.window_start = s.begin;
    r.window_end = s.end;
    std::vector<const counted_event*> of;
    for (done = s.from; done < s.to; ++done) {
      const auto& e = k.events[done];
      of.push_back(&e);
      if (e.watermark != time_min && window_.last_ended(e.watermark) >= window_.slice_of(s.end))
        ++r.revision;
    }
    emit(key, k, std::move(r), std::move(of), each);
  }
  if (done > 0) {
    auto rest = done < k.events.size() ? k.events[done].at : time_max;
    forget(k, [&](const counted_event& e) { return e.at < rest; });
  }
  return !k.events.empty();
}

void naive_view::emit(const std::string& key, key_events& k, row r, std::vector<const counted_event*> of,
                      const std::function<void(const result&)>& each) {
  r.key = key;
  r.state = row_state::sealed;
  take_by(key, what_.by.size(), slots_);
  r.columns = slots_;
  window_events events{what_, blocks_, std::move(of)};
  accumulator total{what_.layout};
  events.add_up(total);
  append_results(what_, total, r.window_end - r.window_start, slots_, r.columns);
  score(k, r);
  each({std::make_shared<const row>(std::move(r)), events});
}

bool naive_view::begins_anew(const key_events& k, event_time window_end) const {
  return k.models.empty() || window_end >= k.last_row + what_.schema->retain;
}

void naive_view::score(key_events& k, row& r) const {
  if (begins_anew(k, r.window_end)) {
    k.models.clear();
    for (const auto& s : what_.scores)
      k.models.push_back(*s.model->make(s.settings)); // the plan has made one before
  }
  k.last_row = r.window_end;
  const auto known = r.columns.size();
  for (std::size_t i = 0; i < what_.scores.size(); ++i) {
    auto x = to_number(what_.scores[i].value.evaluate(std::span{r.columns.data(), known}));
    r.columns.push_back(x ? value{k.models[i]->score(r.window_end, *x)} : value{});
  }
}

void naive_view::forget(key_events& k, const std::function<bool(const counted_event&)>& gone) {
  k.oldest = time_max;
  std::erase_if(k.events, [&](const counted_event& e) {
    if (!gone(e)) {
      k.oldest = std::min(k.oldest, e.at);
      return false;
    }
    --events_;
    if (auto b = blocks_.find(e.block); --b->second.events == 0)
      blocks_.erase(b);
    return true;
  });
}

} // namespace tidemill
