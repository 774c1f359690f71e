#include "pipeline/alert_book.hpp"

#include "pipeline/row_filter.hpp"
#include "pipeline/row_parts.hpp"

#include <algorithm>
#include <utility>

namespace tidemill {
namespace {

value quotient(const value& x, const value& y) {
  auto above = to_number(x), below = to_number(y);
  return above && below && *below != 0 ? value{*above / *below} : value{};
}

} // namespace

alert_book::alert_book(const view_plan& view, const alert_plan& rule, std::uint64_t epoch)
    : view_(view), rule_(rule), epoch_(epoch) {}

row_ptr alert_book::empty_row(const std::string& key, event_time start, event_time end) const {
  auto r = std::make_shared<row>();
  r->window_start = start;
  r->window_end = end;
  r->key = key;
  r->state = rule_.sealed ? row_state::sealed : row_state::closed;
  take_by(key, view_.by.size(), r->columns);
  auto slots = r->columns;
  append_results(view_, accumulator{view_.layout}, end - start, slots, r->columns);
  r->columns.resize(r->columns.size() + view_.scores.size());
  return r;
}

std::vector<value> alert_book::slots_of(const row& now, const row* before) const {
  auto slots = row_slots(now);
  const auto own = slots.size();
  std::vector<value> older;
  if (before != nullptr && rule_.looks_back)
    older = row_slots(*before);
  slots.reserve(own + rule_.calls.size());
  for (const auto& call : rule_.calls) {
    if (call.function == "prev") {
      slots.push_back(older.empty() ? value{} : call.arguments[0].evaluate(older));
      continue;
    }
    auto current = std::span{slots.data(), own};
    slots.push_back(quotient(call.arguments[0].evaluate(current), call.arguments[1].evaluate(current)));
  }
  return slots;
}

void alert_book::look_at(event_time start, event_time end, std::span<const row_ptr> rows) {
  auto old = std::exchange(before_, {});
  before_.reserve(rows.size());
  auto look = [&](const looked_at& now, const row* before, bool last_look) {
    judge(now, before);
    if (!now.missing || active_.contains(now.data->key) || (rule_.looks_back && !last_look))
      before_.push_back(now);
  };
  auto gone = [&](const looked_at& was) { // its second window without a row is the last
    look({empty_row(was.data->key, start, end), true}, was.data.get(), was.missing);
  };
  auto was = old.begin();
  for (const auto& r : rows) {
    for (; was != old.end() && was->data->key < r->key; ++was)
      gone(*was);
    if (was != old.end() && was->data->key == r->key) {
      look({r, false}, was->data.get(), false);
      ++was;
    } else if (rule_.looks_back) {
      look({r, false}, empty_row(r->key, start, end).get(), false);
    } else {
      look({r, false}, nullptr, false);
    }
  }
  for (; was != old.end(); ++was)
    gone(*was);
  through_ = end;
  trim();
}

void alert_book::judge(const looked_at& now, const row* before) {
  const auto& r = *now.data;
  auto slots = slots_of(r, before);
  auto verdict = rule_.when->evaluate(slots);
  failures_ += verdict.is_error() ? 1 : 0;
  const auto* yes = verdict.get_if<bool>();
  const bool holds = yes != nullptr && *yes;
  auto at = active_.find(r.key);
  if (at == active_.end() && !holds)
    return;
  auto was = at == active_.end() ? alert_state::resolved : at->second.newest->state;
  auto since = at == active_.end() ? r.window_end : at->second.newest->since;
  auto next = was;
  if (at != active_.end() && now.missing && r.window_end - at->second.seen > rule_.forget_after)
    next = alert_state::resolved;
  else if (holds)
    next = was == alert_state::firing || r.window_end - since >= rule_.hold ? alert_state::firing
                                                                            : alert_state::pending;
  else if (was == alert_state::pending || r.window_end - at->second.held >= rule_.keep_firing)
    next = alert_state::resolved;
  unrecorded_.emplace(r.key);
  if (next != was) {
    std::string message;
    if (rule_.message)
      if (auto text = rule_.message->evaluate(slots); const auto* t = text.get_if<std::string>())
        message = *t;
    note(now.data, next, was, since, std::move(message));
  }
  if (next == alert_state::resolved) {
    active_.erase(r.key);
    return;
  }
  auto& key = active_[r.key];
  if (next != was)
    key.newest = log_.back();
  if (holds)
    key.held = r.window_end;
  if (!now.missing || was == alert_state::resolved)
    key.seen = r.window_end;
}

void alert_book::note(const row_ptr& r, alert_state state, alert_state was, event_time since,
                      std::string message) {
  auto e = std::make_shared<alert_entry>(
      alert_entry{begin_ + log_.size(), state, was, since, r, std::move(message), {}});
  e->json = to_json(*rule_.schema, *e);
  log_.push_back(std::move(e));
}

/// Of the entries that are in no record yet none goes: they would never have been. Of those that a sink lacks
/// none goes, unless it has been away for very long.
void alert_book::trim() {
  auto old = [&](const alert_entry& e) {
    return log_.size() > most_entries || e.data->window_end <= through_ - rule_.retain;
  };
  auto waits = [&] { return begin_ >= keep_from_ && log_.size() <= most_waiting; };
  while (begin_ < recorded_ && !log_.empty() && old(*log_.front()) && !waits()) {
    log_.pop_front();
    ++begin_;
  }
}

void alert_book::remember(event_time start, std::span<const row_ptr> last, std::span<const row_ptr> before) {
  must_remember_ = false;
  std::map<std::string_view, looked_at> all;
  for (const auto& r : last)
    all[r->key] = {r, false};
  if (rule_.looks_back)
    for (const auto& r : before)
      if (!all.contains(r->key))
        all[r->key] = {empty_row(r->key, start, through_), true};
  for (const auto& [key, state] : active_)
    if (!all.contains(key))
      all[key] = {empty_row(key, start, through_), true};
  before_.clear();
  for (auto& [key, r] : all)
    before_.push_back(std::move(r));
}

alert_snapshot_ptr alert_book::snapshot() const {
  auto s = std::make_shared<alert_snapshot>();
  s->rule = rule_.schema;
  s->epoch = epoch_;
  s->begin = begin_;
  s->log = {log_.begin(), log_.end()};
  for (const auto& [key, state] : active_)
    s->active.push_back(state.newest);
  s->evaluated = through_;
  s->failures = failures_;
  return s;
}

} // namespace tidemill
