#include "pipeline/latest_view.hpp"

#include "pipeline/row_parts.hpp"

#include "pipeline/window/event_span.hpp"
#include "pipeline/window/latest_cell.hpp"

#include <algorithm>
#include <stdexcept>

namespace tidemill {
namespace {

constexpr std::size_t record_bytes = 256u << 10;

} // namespace

latest_view::latest_view(const view_plan& what, std::size_t partitions)
    : what_(what), log_(what, partitions) {}

latest_view::~latest_view() = default;

std::int64_t latest_view::durable_through(partition_id p) const noexcept {
  auto whole = static_cast<std::int64_t>(log_.frontier[to_index(p)] / offsets_per_slice);
  return whole == 0 ? nothing_sealed : whole - 1;
}

void latest_view::replace(entries::iterator e, const latest_place& of, row_ptr row) {
  if (what_.schema->retain > microseconds{0}) {
    by_age_.erase({e->second.of.at, e->first});
    by_age_.emplace(of.at, e->first);
  }
  e->second.of = of;
  e->second.row = std::move(row);
}

bool latest_view::put_pane(const pane_image& pane, partition_id from) {
  byte_reader state{pane.state};
  auto loaded = accumulator::load(what_.layout, state);
  if (!loaded || !state.at_end())
    return false;
  latest_place of{span_in(loaded->data() + what_.layout->offset(*what_.span)).last, from, pane.slice};
  auto e = entries_.find(pane.key);
  if (of.at <= expired_ || (e != entries_.end() && of < e->second.of))
    return true;
  if (e == entries_.end())
    e = entries_.try_emplace(std::string{pane.key}).first;
  auto cells = loaded->finish();
  auto deleted = what_.removes && cells.back() == value{true};
  if (what_.removes)
    cells.pop_back();
  std::shared_ptr<row> made;
  if (!deleted) {
    made = std::make_shared<row>();
    made->window_start = time_min;
    made->window_end = time_max;
    made->key = e->first;
    if (!take_cells(e->first, made->columns))
      return false;
    made->columns.insert(made->columns.end(), std::make_move_iterator(cells.begin()),
                         std::make_move_iterator(cells.end()));
  }
  replace(e, of, std::move(made));
  if (!std::exchange(e->second.is_changed, true))
    changed_.push_back(e);
  if (!std::exchange(e->second.is_due, true))
    due_.push_back(e);
  return true;
}

void latest_view::take(partition_id from, std::span<const std::string> pieces) {
  for (const auto& piece : pieces)
    if (!for_each_pane(piece, [&](const pane_image& pane) { return put_pane(pane, from); }))
      throw std::logic_error{"a flush of partition " + std::to_string(to_index(from)) + " doesn't decode"};
}

void latest_view::log_changes(view_tick& t) {
  for (auto e : changed_) {
    if (t.log.empty() || t.log.back().size() >= record_bytes)
      t.log.emplace_back(1, 'U');
    byte_writer out{t.log.back()};
    write(out, e->first, e->second);
    e->second.is_changed = false;
  }
  t.sync = !changed_.empty();
  changed_.clear();
}

void latest_view::show_due(view_tick& t) {
  for (auto at : due_) {
    auto& e = at->second;
    e.is_due = false;
    if (e.of.at <= expired_) // goes at once, with what is shown of it
      continue;
    if (!e.row && e.shown)
      t.remove.push_back(e.shown);
    else if (e.row && (!e.shown || *e.shown != *e.row))
      t.put.push_back(e.row);
    e.shown = e.row;
  }
  due_.clear();
}

/// After a restart: what earlier incarnations have shown isn't known.
void latest_view::show_all(view_tick& t) {
  t.whole = shown_ = true;
  for (auto& [key, e] : entries_) {
    e.is_due = false;
    e.shown = e.of.at > expired_ ? e.row : nullptr;
    if (e.shown)
      t.put.push_back(e.shown);
  }
  due_.clear();
}

void latest_view::drop_expired(std::vector<row_ptr>& gone) {
  for (; !by_age_.empty() && by_age_.begin()->first <= expired_; by_age_.erase(by_age_.begin())) {
    auto e = entries_.find(by_age_.begin()->second);
    if (e->second.shown)
      gone.push_back(e->second.shown);
    entries_.erase(e);
  }
}

void latest_view::publish(event_time watermark, const std::vector<offset>& have, bool open, view_tick& t) {
  log_changes(t);
  // The end of the input is no time that anything could be older than.
  if (what_.schema->retain > microseconds{0} && watermark > time_min && watermark < time_max)
    expired_ = std::max(expired_, watermark - what_.schema->retain);
  if (!shown_ || open || !what_.emit_every) {
    if (shown_)
      show_due(t);
    else
      show_all(t);
    auto before = entries_.size();
    drop_expired(t.remove);
    if (entries_.size() < before) {
      t.log.emplace_back(1, 'X');
      byte_writer{t.log.back()}.svarint(expired_.time_since_epoch().count());
    }
  }
  std::vector<std::int64_t> before;
  for (std::size_t p = 0; p < have.size(); ++p)
    before.push_back(durable_through(static_cast<partition_id>(p)));
  if (!log_.advance(have))
    return;
  t.log.push_back(log_.frontier_record());
  for (std::size_t p = 0; p < have.size(); ++p) // workers forget what the frontier says
    t.sync = t.sync || before[p] != durable_through(static_cast<partition_id>(p));
}

std::vector<std::pair<event_time, std::vector<row_ptr>>> latest_view::sealed_after(event_time) const {
  return {};
}

std::vector<row_ptr> latest_view::rows() const {
  std::vector<row_ptr> all;
  for (const auto& [key, e] : entries_)
    if (const auto& r = shown_ ? e.shown : e.row) // what the log had was shown before
      all.push_back(r);
  return all;
}

event_time latest_view::trim(event_time) {
  return time_min;
}

void latest_view::write(byte_writer& out, const std::string& key, const entry& e) const {
  out.text(key);
  out.svarint(e.of.at.time_since_epoch().count());
  out.varint(to_index(e.of.from));
  out.svarint(e.of.slice);
  out.u8(e.row ? 0 : 1);
  std::string cells;
  if (e.row)
    write_row(out, what_.by.size(), *e.row, cells);
}

bool latest_view::read_entries(byte_reader& in) {
  while (!in.at_end()) {
    auto key = in.text();
    latest_place of;
    of.at = event_time{microseconds{in.svarint()}};
    of.from = static_cast<partition_id>(in.varint());
    of.slice = in.svarint();
    auto deleted = in.u8();
    if (!in.ok() || deleted > 1)
      return false;
    std::shared_ptr<row> r;
    if (deleted == 0) {
      r = read_row(in, *what_.schema);
      if (!r || r->key != key)
        return false;
      r->window_start = time_min;
      r->window_end = time_max;
    }
    replace(entries_.try_emplace(std::string{key}).first, of, std::move(r));
  }
  return in.ok();
}

std::vector<std::string> latest_view::head() const {
  std::vector<std::string> records{log_.head_record(), std::string(1, 'K')};
  for (const auto& [key, e] : entries_) {
    if (records.back().size() >= record_bytes)
      records.emplace_back(1, 'K');
    byte_writer out{records.back()};
    write(out, key, e);
  }
  records.push_back(view_log_frame::end_record());
  return records;
}

status latest_view::recover(std::string_view record) {
  TIDEMILL_TRY(auto mine, log_.open(record, "K"));
  if (!mine)
    return {};
  auto& in = mine->body;
  if (mine->kind == 'X') {
    expired_ = std::max(expired_, event_time{microseconds{in.svarint()}});
    std::vector<row_ptr> gone;
    drop_expired(gone);
    return in.ok() && in.at_end() ? status{} : damaged_view_log();
  }
  auto sound = (mine->kind == 'U' || mine->kind == 'K') && read_entries(in);
  return sound ? status{} : damaged_view_log();
}

} // namespace tidemill
