#include "pipeline/alert_watch.hpp"

#include <algorithm>

namespace tidemill {
namespace {

bool by_key(const row_ptr& a, const row_ptr& b) {
  return a->key < b->key;
}

} // namespace

alert_watch::alert_watch(const view_plan& what, std::uint64_t epoch) : what_(what) {
  books_.reserve(what.alerts.size());
  for (const auto& rule : what.alerts)
    books_.emplace_back(what, rule, epoch);
}

/// The rows of ended windows, by key.
alert_watch::window_rows alert_watch::rows_of(const view_tick& t) const {
  window_rows out;
  for (const auto& r : t.put)
    if (r->state != row_state::open)
      out[what_.window.last_ended(r->window_end)].push_back(r);
  for (auto& [e, rows] : out)
    std::ranges::sort(rows, by_key);
  return out;
}

void alert_watch::look_at(const view_state& state, std::int64_t closed, bool ended, view_tick& t) {
  if (books_.empty())
    return;
  const auto rows = rows_of(t);
  t.alerts.resize(books_.size());
  for (std::size_t i = 0; i < books_.size(); ++i) {
    auto& book = books_[i];
    if (book.must_remember())
      remember(book, state, rows);
    auto target = book.rule().sealed ? state.sealed_through : std::max(closed, state.sealed_through);
    // What comes after all input is not silence.
    if (ended)
      target = std::min(target, rows.empty() ? nothing_sealed : rows.rbegin()->first);
    const auto before = book.through();
    if (target != nothing_sealed)
      catch_up(book, target, rows);
    if (book.through() == before)
      continue;
    auto entries = false;
    // Before the windows themselves: if the log is torn between them, they are sealed again, not forgotten.
    if (auto record = book.take_record(entries); !record.empty())
      t.log.insert(t.log.begin(), std::move(record));
    t.sync |= entries;
    t.alerts[i] = book.snapshot();
  }
}

void alert_watch::catch_up(alert_book& book, std::int64_t target, const window_rows& rows) const {
  const auto& w = what_.window;
  const auto seen = book.through() == time_min ? nothing_sealed : w.last_ended(book.through());
  auto next = seen == nothing_sealed ? rows.begin() : rows.upper_bound(seen);
  for (auto e = seen;;) {
    if (book.waiting())
      e = w.next_window_end(e + 1);
    else if (next != rows.end())
      e = next->first; // windows without rows before it matter to nobody
    else
      break;
    if (e > target)
      break;
    static const std::vector<row_ptr> none;
    const auto has_rows = next != rows.end() && next->first == e;
    const auto end = w.end_of(e);
    book.look_at(w.window_start(e), end, has_rows ? next->second : none);
    if (has_rows)
      ++next;
  }
}

void alert_watch::remember(alert_book& book, const view_state& state, const window_rows& rows) const {
  const auto& w = what_.window;
  const auto last = w.last_ended(book.through());
  auto of = [&](std::int64_t e) -> std::span<const row_ptr> {
    if (auto shown = rows.find(e); shown != rows.end())
      return shown->second;
    return state.sealed_rows(e);
  };
  book.remember(w.window_start(last), of(last), of(last - w.step));
}

status alert_watch::recover(std::string_view record) {
  auto name = alert_book::rule_of(record);
  for (auto& book : books_)
    if (book.rule().schema->name == name)
      return book.recover(record);
  return {}; // of a rule that is gone
}

std::vector<std::string> alert_watch::head() const {
  std::vector<std::string> records;
  for (const auto& book : books_)
    records.push_back(book.head_record());
  return records;
}

std::vector<alert_snapshot_ptr> alert_watch::snapshots() const {
  std::vector<alert_snapshot_ptr> all;
  for (const auto& book : books_)
    all.push_back(book.snapshot());
  return all;
}

} // namespace tidemill
