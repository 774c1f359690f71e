#include "pipeline/latest_view.hpp"

#include "pipeline/by_key.hpp"
#include "pipeline/row_parts.hpp"
#include "pipeline/take_panes.hpp"
#include "pipeline/window/event_span.hpp"
#include "pipeline/window/latest_cell.hpp"

#include <algorithm>

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

void latest_view::replace(entry& e, const latest_place& of, row_ptr row) {
  if (what_.schema->retain > microseconds{0})
    by_age_.put(e, by_age_.bucket_of(of.at));
  e.of = of;
  e.row = std::move(row);
}

bool latest_view::put_pane(const pane_image& pane, std::uint64_t hash, partition_id from) {
  byte_reader state{pane.state};
  auto loaded = accumulator::load(what_.layout, state);
  if (!loaded || !state.at_end())
    return false;
  latest_place of{span_in(loaded->data() + what_.layout->offset(*what_.span)).last, from, pane.slice};
  auto* known = entries_.find(pane.key, hash);
  if (of.at <= expired_ || (known != nullptr && of < known->of))
    return true;
  auto cells = loaded->finish();
  auto deleted = what_.removes && cells.back() == value{true};
  if (what_.removes)
    cells.pop_back();
  std::shared_ptr<row> made;
  if (!deleted) {
    made = std::make_shared<row>();
    made->window_start = time_min;
    made->window_end = time_max;
    made->key = pane.key;
    made->columns.reserve(what_.schema->columns.size());
    if (!take_cells(made->key, made->columns))
      return false;
    made->columns.insert(made->columns.end(), std::make_move_iterator(cells.begin()),
                         std::make_move_iterator(cells.end()));
  }
  auto& e = known != nullptr ? *known : entries_.add(pane.key, hash);
  replace(e, of, std::move(made));
  if (!std::exchange(e.is_changed, true))
    changed_.push_back(&e);
  if (!std::exchange(e.is_due, true))
    due_.push_back(&e);
  return true;
}

void latest_view::take(partition_id from, std::span<const std::string> pieces) {
  take_panes(from, pieces, entries_, nothing_sealed,
             [&](const pane_image& pane, std::uint64_t hash) { return put_pane(pane, hash, from); });
}

void latest_view::log_changes(view_tick& t) {
  std::string cells;
  for (auto* e : changed_) {
    if (t.log.empty() || t.log.back().size() >= record_bytes)
      t.log.emplace_back(1, 'U');
    byte_writer out{t.log.back()};
    write(out, *e, cells);
    e->is_changed = false;
  }
  t.sync = !changed_.empty();
  changed_.clear();
}

void latest_view::show_due(view_tick& t) {
  for (auto* e : due_) {
    e->is_due = false;
    if (e->of.at <= expired_) // goes at once, with what is shown of it
      continue;
    if (!e->row && e->shown)
      t.remove.push_back(e->shown);
    else if (e->row && (!e->shown || *e->shown != *e->row))
      t.put.push_back(e->row);
    e->shown = e->row;
  }
  due_.clear();
}

/// After a restart: what earlier incarnations have shown isn't known.
void latest_view::show_all(view_tick& t) {
  t.whole = shown_ = true;
  for (auto* e : all()) {
    e->is_due = false;
    e->shown = e->of.at > expired_ ? e->row : nullptr;
    if (e->shown)
      t.put.push_back(e->shown);
  }
  due_.clear();
}

void latest_view::drop_expired(std::vector<row_ptr>& gone) {
  std::vector<entry*> old;
  by_age_.take(
      by_age_.bucket_of(expired_), [&](const entry& e) { return e.of.at <= expired_; }, old);
  sort_by_key(
      std::span{old}, [](const entry* e) { return e->of.at.time_since_epoch().count(); },
      [](const entry* e) -> std::string_view { return e->key; });
  for (const auto* e : old) {
    if (e->shown)
      gone.push_back(e->shown);
    entries_.remove(*e);
  }
}

std::vector<latest_view::entry*> latest_view::all() const {
  auto entries = entries_.all();
  sort_by_key(std::span{entries});
  return entries;
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
  std::vector<row_ptr> rows;
  for (const auto* e : all())
    if (const auto& r = shown_ ? e->shown : e->row) // what the log had was shown before
      rows.push_back(r);
  return rows;
}

event_time latest_view::trim(event_time) {
  return time_min;
}

void latest_view::write(byte_writer& out, const entry& e, std::string& cells) const {
  out.text(e.key);
  out.svarint(e.of.at.time_since_epoch().count());
  out.varint(to_index(e.of.from));
  out.svarint(e.of.slice);
  out.u8(e.row ? 0 : 1);
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
    replace(entries_.at(key), of, std::move(r));
  }
  return in.ok();
}

std::vector<std::string> latest_view::head() const {
  std::vector<std::string> records{log_.head_record(), std::string(1, 'K')};
  std::string cells;
  for (const auto* e : all()) {
    if (records.back().size() >= record_bytes)
      records.emplace_back(1, 'K');
    byte_writer out{records.back()};
    write(out, *e, cells);
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
