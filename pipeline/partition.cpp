#include "pipeline/partition.hpp"

#include "pipeline/exchange_intake.hpp"
#include "pipeline/frozen_partition.hpp"
#include "pipeline/outlet.hpp"
#include "pipeline/spread_rows.hpp"
#include "pipeline/step_set.hpp"
#include "pipeline/time_guard.hpp"
#include "pipeline/view_feed.hpp"

#include <algorithm>
#include <deque>
#include <limits>
#include <map>
#include <numeric>
#include <set>
#include <stdexcept>

namespace tidemill {
namespace {

constexpr std::size_t piece_bytes = 256u << 10;
constexpr std::uint8_t core_format = 3;
constexpr offset no_limit = std::numeric_limits<offset>::max();

/// A record that couldn't become an event, with its place among the others. No error: it needn't.
struct refused_record {
  record what;
  error why;
};

std::unique_ptr<exchange_intake> intake_of(const source_plan& source) {
  return source.exchange ? std::make_unique<exchange_intake>(source) : nullptr;
}

bool is_tombstone(const record& r) noexcept {
  return r.meta != nullptr && r.meta->tombstone;
}

} // namespace

struct partition::impl {
  impl(std::shared_ptr<const plan> p, std::size_t source_index, partition_id i, bool arrival_times,
       table_finder t)
      : all(std::move(p)), source(all->sources[source_index]), id(i), find_table(std::move(t)),
        guard(source.out_of_order, source.max_future, arrival_times), intake(intake_of(source)),
        steps(source, intake.get()), out(source, i), tables(source.tables.size()),
        versions(source.tables.size()) {
    counts.late.resize(source.views.size());
    for (const auto& view : source.views)
      feeds.push_back(std::make_unique<view_feed>(view, feeds.size()));
    if (source.exchange)
      return;
    auto made = make_codec(source.format, source.fields, source.needed);
    if (!made)
      throw std::logic_error{made.error().text()}; // the plan has compiled it before
    decoder = std::move(*made);
  }

  std::shared_ptr<const plan> all;
  const source_plan& source;
  partition_id id;
  table_finder find_table;

  // State: a function of records and journal.
  offset position = 0;
  time_guard guard;
  bool ended = false;
  partition_counts counts;
  std::set<offset> skips;
  std::vector<lost_stretch> lost;
  std::vector<std::unique_ptr<view_feed>> feeds;
  std::unique_ptr<exchange_intake> intake; // instead of a codec, where events come from other sources
  step_set steps;

  // What leads to it.
  outlet out;
  table_set tables;
  std::vector<std::string> versions;
  std::unique_ptr<codec> decoder;
  std::deque<record_batch_ptr> kept; // records not yet consumed, in order
  std::deque<journal_entry> due;
  std::map<std::size_t, offset> sinks;
  bool one_by_one = false;
  event_tap* watcher = nullptr;
  row_taker* taker = nullptr;
  std::optional<offset> at_work;
  std::function<void(offset)> told; // of records one by one

  // Of the batch at work; kept for their room.
  event_batch events;
  std::vector<event_time> watermarks; // by row: before its record
  std::vector<selection> passed;      // by stream
  removal_batch removals;
  struct stream_rows {
    event_batch* events;
    const std::vector<event_time>* watermarks;
  };
  std::vector<stream_rows> rows_of; // by stream: what it has passed are rows of
  std::map<std::pair<std::size_t, std::size_t>, spread_rows> spread; // by stream and step that makes rows

  void take_effect(const journal_entry& e) {
    switch (e.kind) {
    case journal_entry::what::advance:
      guard.advance(e.time);
      break;
    case journal_entry::what::end:
      ended = true;
      guard.advance(time_max);
      break;
    case journal_entry::what::skip:
      skips.insert(e.number);
      break;
    case journal_entry::what::gap:
      jump(e.number);
      break;
    case journal_entry::what::table: {
      auto table = find_table(e.number, e.text);
      if (!table)
        throw std::runtime_error{"version " + e.text + " of table " + source.tables.at(e.number) +
                                 " is needed to replay and is gone"};
      tables.at(e.number) = std::move(table);
      versions.at(e.number) = e.text;
      break;
    }
    }
  }

  void take_due() {
    while (!due.empty() && due.front().at <= position) {
      take_effect(due.front());
      due.pop_front();
    }
  }

  /// The records below `to` are lost. A log that has been restored may hold them again; they stay lost.
  void jump(offset to) {
    if (to <= position)
      return;
    counts.lost += to - position;
    position = to;
    while (!kept.empty() && kept.front()->end <= to)
      kept.pop_front();
    if (!kept.empty() && kept.front()->begin < to) {
      auto rest = std::make_shared<record_batch>(*kept.front());
      std::erase_if(rest->records, [&](const record& r) { return r.at < to; });
      rest->begin = to;
      kept.front() = std::move(rest);
    }
    // What was lost is of a time that is not final yet, and how far it reaches only the next record tells.
    auto from = watermark();
    if (lost.empty() || lost.back().until < from)
      lost.push_back({from, time_max});
    else
      lost.back().until = time_max;
  }

  /// The first record after a gap, at `t`: one before it, further ahead than this, would have made it late.
  void end_stretch(event_time t) noexcept {
    if (!lost.empty() && lost.back().until == time_max)
      lost.back().until = t + source.out_of_order;
  }

  [[nodiscard]] event_time watermark() const noexcept {
    return intake ? std::max(guard.watermark(), intake->watermark()) : guard.watermark();
  }

  /// Entries take effect in the order of their offsets. A gap may come before entries of a replay: what lies
  /// between can't be read again.
  void note(journal_entry e) {
    auto after = std::ranges::upper_bound(due, e.at, {}, &journal_entry::at);
    due.insert(after, std::move(e));
  }

  [[nodiscard]] offset horizon() const noexcept {
    offset h = 0;
    for (const auto& f : feeds)
      h = std::max(h, f->to_view.horizon());
    for (const auto& [sink, upto] : sinks)
      h = std::max(h, upto);
    return h;
  }

  /// Work on its first record begins, if one by one.
  void take_up(const record_batch& next) {
    if (!one_by_one || next.records.empty())
      return;
    at_work = next.records.front().at;
    if (told)
      told(*at_work);
  }

  /// Decodes all kept records; rows and failures in the order of records.
  void decode(std::vector<refused_record>& refused) {
    events.clear();
    removals.events.clear();
    events.partition = removals.events.partition = id;
    std::vector<decode_failure> failures;
    for (const auto& batch : kept) {
      auto plain = skips.empty() && std::ranges::none_of(batch->records, is_tombstone);
      auto piece = plain ? batch : decodable(batch, refused);
      take_up(*piece); // those before it were decoded when they came
      failures.clear();
      decoder->decode(*piece, events, failures);
      for (auto& f : failures)
        refused.push_back({piece->records[f.record], std::move(f.why)});
    }
  }

  /// Without the records that the codec must not see.
  record_batch_ptr decodable(const record_batch_ptr& batch, std::vector<refused_record>& refused) {
    auto rest = std::make_shared<record_batch>(*batch);
    std::erase_if(rest->records, [&](const record& r) {
      if (skips.contains(r.at))
        refused.push_back(
            {r, {errc::poison, "this record ended its worker, or the process, repeatedly and was skipped"}});
      else if (is_tombstone(r) && source.tombstones == tombstone_use::remove)
        removals.events.records.push_back(r);
      else if (is_tombstone(r) && source.tombstones == tombstone_use::skip)
        refused.push_back({r, {}});
      else if (is_tombstone(r))
        refused.push_back({r, {errc::event_missing, "tombstone: the record has no value"}});
      else
        return false;
      return true;
    });
    return rest;
  }

  /// Event times of all rows; rows without one move to `refused` and lose their place in `selected`.
  void read_times(std::vector<refused_record>& refused) {
    const auto& column = events.columns[source.time_slot];
    const auto& values = column.as<timestamp>();
    events.times.resize(events.rows());
    std::ranges::transform(values, events.times.begin(), to_event_time);
    if (!column.has_nulls())
      return;
    std::erase_if(events.selected, [&](std::uint32_t row) {
      if (column.is_null(row))
        refused.push_back(
            {events.records[row],
             {errc::event_time, "the event time " + source.fields[source.time_slot].name + " is null"}});
      return column.is_null(row);
    });
  }

  /// Judges the times of rows below `limit` in order, looking ahead over all; returns the offset of the first
  /// record that must wait for more, or none.
  std::optional<offset> judge(offset limit, bool more, std::vector<record>& future) {
    watermarks.resize(events.rows());
    if (events.selected.size() == events.rows())
      return judge(events.times, events.records, watermarks, limit, more, future);
    // The guard looks ahead over records that have a time.
    std::vector<event_time> times, before(events.selected.size());
    std::vector<record> records;
    for (auto row : events.selected) {
      times.push_back(events.times[row]);
      records.push_back(events.records[row]);
    }
    auto rows = events.selected;
    auto waits = judge(times, records, before, limit, more, future);
    for (auto& i : events.selected) {
      watermarks[rows[i]] = before[i];
      i = rows[i];
    }
    return waits;
  }

  /// As above, of records that all have a time; `selected` are those accepted.
  std::optional<offset> judge(std::span<const event_time> times, std::span<const record> records,
                              std::span<event_time> before, offset limit, bool more,
                              std::vector<record>& future) {
    auto below = std::ranges::partition_point(records, [&](const record& r) { return r.at < limit; });
    auto end = static_cast<std::size_t>(below - records.begin());
    auto& accepted = events.selected;
    accepted.clear();
    for (std::size_t i = 0; i < end; ++i) {
      auto plain = guard.accept(times, records, i, end, before);
      auto room = accepted.size();
      accepted.resize(room + plain - i);
      std::iota(accepted.begin() + static_cast<std::ptrdiff_t>(room), accepted.end(),
                static_cast<std::uint32_t>(i));
      i = plain;
      if (i == end)
        break;
      before[i] = guard.watermark();
      switch (guard.judge(times, records, i, more)) {
      case time_guard::verdict::accepted:
        accepted.push_back(static_cast<std::uint32_t>(i));
        break;
      case time_guard::verdict::future:
        future.push_back(records[i]);
        break;
      case time_guard::verdict::undecided:
        return records[i].at;
      }
    }
    return std::nullopt;
  }

  /// The tombstones below `limit`, with what a view may know of them.
  void prepare_removals(offset limit) {
    auto& records = removals.events.records;
    std::erase_if(records, [&](const record& r) { return r.at >= limit; });
    if (records.empty())
      return;
    removals.watermarks.clear();
    auto row = events.selected.begin(); // a refused record doesn't move the watermark
    for (const auto& r : records) {
      while (row != events.selected.end() && events.records[*row].at < r.at)
        ++row;
      removals.watermarks.push_back(row == events.selected.end() ? guard.watermark() : watermarks[*row]);
    }
    removals.events.selected.resize(records.size());
    std::iota(removals.events.selected.begin(), removals.events.selected.end(), 0u);
    removals.events.columns.resize(source.fields.size() + meta_columns);
    fill_meta(source.meta, source.fields.size(), removals.events);
  }

  void run_streams() {
    events.columns.resize(std::max(events.columns.size(), source.columns));
    fill_meta(source.meta, source.fields.size(), events);
    passed.resize(source.streams.size());
    rows_of.assign(source.streams.size(), {&events, &watermarks});
    for (std::size_t s = 0; s < source.streams.size(); ++s) {
      if (const auto parent = source.streams[s].parent) {
        rows_of[s] = rows_of[*parent];
        rows_of[s].events->selected = passed[*parent];
      }
      run_steps(s);
      passed[s] = rows_of[s].events->selected;
      if (out.wants(s))
        counts.unkeyed += out.events(s, *rows_of[s].events, passed[s]);
      out.exchange(s, *rows_of[s].events, passed[s]);
    }
    for (std::size_t v = 0; v < feeds.size(); ++v) {
      const auto s = feeds[v]->plan().stream;
      if (taker != nullptr) {
        taker->take(v, *rows_of[s].events, passed[s], *rows_of[s].watermarks);
        continue;
      }
      auto refused = feeds[v]->apply(*rows_of[s].events, passed[s], *rows_of[s].watermarks, removals, out);
      counts.late[v] += refused.late;
      counts.dead += refused.dead;
    }
  }

  void run_steps(std::size_t s) {
    const auto& stream = source.streams[s];
    std::vector<cel::row_error> failed;
    auto* const seen_by = position < horizon() ? nullptr : watcher; // replays were seen before
    if (seen_by != nullptr)
      seen_by->see(s, 0, *rows_of[s].events);
    for (std::size_t i = 0; i < stream.steps.size() && !rows_of[s].events->selected.empty(); ++i) {
      failed.clear();
      const auto before = rows_of[s];
      if (auto& step = steps.at(s, i); step.spreads())
        rows_of[s] = make_rows(step, s, i, failed);
      else
        step.apply(*before.events, {tables, *before.watermarks}, failed);
      if (seen_by != nullptr)
        seen_by->see(s, i + 1, *rows_of[s].events);
      for (const auto& f : failed)
        out.refused(output_kind::dead, s, stream.step_names[i], before.events->records[f.row], f.why);
      counts.dead += failed.size();
    }
  }

  stream_rows make_rows(step& by, std::size_t s, std::size_t i, std::vector<cel::row_error>& failed) {
    auto& made = spread[{s, i}];
    made.make(by, *rows_of[s].events, *rows_of[s].watermarks, source.columns, failed);
    return {&made.events, &made.watermarks};
  }

  void forget_rows() {
    events.memory.clear();
    for (auto& [place, made] : spread)
      made.clear();
  }

  /// As `consume`, of what comes through an exchange: its events have been decoded and judged before.
  void take_in(offset limit) {
    at_work = position;
    take_up(*kept.front());
    events.clear();
    events.partition = id;
    watermarks.clear();
    intake->begin();
    std::vector<exchange_intake::refusal> refused;
    std::size_t frontiers = 0;
    for (const auto& batch : kept)
      frontiers += intake->take(*plain(batch), limit, events, watermarks, refused);
    for (const auto& r : refused)
      out.refused(output_kind::dead, 0, "join", r.what, r.why);
    counts.dead += refused.size();
    if (!events.selected.empty())
      run_streams();
    forget_rows();
    release(limit);
    counts.records -= frontiers;
    at_work.reset();
  }

  /// Without the records that are to be skipped.
  record_batch_ptr plain(const record_batch_ptr& batch) {
    if (skips.empty())
      return batch;
    std::vector<refused_record> refused;
    auto rest = decodable(batch, refused);
    for (const auto& r : refused) {
      out.refused(output_kind::dead, 0, "decode", r.what, r.why);
      ++counts.dead;
      skips.erase(r.what.at);
    }
    return rest;
  }

  /// Consumes kept records below `limit`. False: the rest waits for more records.
  bool consume(offset limit, bool more) {
    if (intake) {
      take_in(limit);
      return true;
    }
    std::vector<refused_record> refused;
    at_work = position;
    decode(refused);
    take_up(*kept.front());
    read_times(refused);
    std::vector<record> future;
    auto waits = judge(limit, more, future);
    if (waits)
      limit = *waits;
    for (const auto& r : refused)
      if (r.what.at < limit && r.why.code() == errc::none) {
        ++counts.skipped;
      } else if (r.what.at < limit) {
        out.refused(output_kind::dead, 0, "decode", r.what, r.why);
        ++counts.dead;
        skips.erase(r.what.at);
      }
    for (const auto& r : future)
      out.refused(output_kind::future, 0, "time", r,
                  {errc::event_future, "its time lies more than " +
                                           format_config_duration(source.max_future) + " in the future"});
    counts.future += future.size();
    prepare_removals(limit);
    if (!events.selected.empty())
      end_stretch(events.times[events.selected.front()]);
    if (!events.selected.empty() || removals.events.rows() > 0)
      run_streams();
    forget_rows();
    release(limit);
    at_work.reset();
    return !waits;
  }

  /// Drops kept records below `limit`, moves the position behind them.
  void release(offset limit) {
    while (!kept.empty()) {
      const auto& batch = kept.front();
      auto first =
          std::ranges::partition_point(batch->records, [&](const record& r) { return r.at < limit; });
      counts.records += static_cast<std::uint64_t>(first - batch->records.begin());
      if (first != batch->records.begin())
        position = std::max(position, std::prev(first)->end);
      if (first == batch->records.end() && batch->end <= limit) {
        position = std::max(position, batch->end);
        kept.pop_front();
        continue;
      }
      if (first != batch->records.begin()) {
        auto rest = std::make_shared<record_batch>(*batch);
        rest->records.assign(first, batch->records.end());
        rest->begin = position;
        kept.front() = std::move(rest);
      }
      position = std::max(position, std::min(limit, batch->end));
      return;
    }
  }

  /// Consumes all that can be, stopping at journal entries.
  void advance(std::vector<emission>& emitted) {
    for (;;) {
      take_due();
      if (kept.empty())
        break;
      auto limit = due.empty() ? no_limit : due.front().at;
      if (const auto& next = *kept.front(); one_by_one)
        limit = std::min(limit, next.records.empty() ? next.end : next.records.front().end);
      auto ends = !due.empty() && (due.front().kind == journal_entry::what::end ||
                                   due.front().kind == journal_entry::what::gap);
      auto at_end = ends && kept.back()->end >= due.front().at;
      if (!consume(limit, !at_end))
        break;
    }
    take_due();
    out.take(emitted);
  }
};

partition::partition(std::shared_ptr<const plan> all, std::size_t source, partition_id id,
                     bool has_arrival_times, table_finder tables)
    : impl_(std::make_unique<impl>(std::move(all), source, id, has_arrival_times, std::move(tables))) {}

partition::~partition() = default;

void partition::apply(const record_batch_ptr& batch, std::vector<emission>& out) {
  auto from = read_position();
  if (batch->end <= from)
    return;
  if (batch->begin >= from) {
    impl_->kept.push_back(batch);
  } else {
    auto rest = std::make_shared<record_batch>(*batch);
    std::erase_if(rest->records, [&](const record& r) { return r.at < from; });
    rest->begin = from;
    impl_->kept.push_back(std::move(rest));
  }
  impl_->advance(out);
}

void partition::watch(event_tap* by) noexcept {
  impl_->watcher = by;
}

void partition::divert(row_taker* to) noexcept {
  impl_->taker = to;
}

void partition::one_by_one(bool on) noexcept {
  impl_->one_by_one = on;
}

void partition::tell_records(std::function<void(offset)> told) {
  impl_->told = std::move(told);
}

std::optional<offset> partition::at_work() const noexcept {
  return impl_->at_work;
}

void partition::replay(std::vector<journal_entry> entries) {
  for (auto& e : entries)
    impl_->note(std::move(e));
  impl_->take_due();
}

bool partition::may_enter() const noexcept {
  return impl_->due.empty() &&
         std::ranges::all_of(impl_->feeds, [](const auto& f) { return f->to_view.is_open(); }) &&
         impl_->position >= impl_->horizon();
}

offset partition::entry_offset(journal_entry::what kind) const noexcept {
  auto behind = kind == journal_entry::what::end || kind == journal_entry::what::gap;
  return behind ? read_position() : impl_->position;
}

void partition::enter(const journal_entry& e, std::vector<emission>& out) {
  impl_->note(e);
  impl_->advance(out);
}

std::size_t partition::entries_due() const noexcept {
  return impl_->due.size();
}

void partition::open(std::size_t view, const link_hello& hello) {
  auto& feed = *impl_->feeds.at(view);
  if (hello.sealed_through < feed.freed)
    throw std::runtime_error{
        "the log of view " + feed.plan().name +
        " has lost windows that were final: this partition has forgotten what they were made of; "
        "restore the view's log, or start with an empty data folder"};
  feed.to_view.open(hello);
  feed.flushed = false;
  feed.freed = hello.sealed_through;
  feed.panes.free_through(hello.sealed_through);
}

void partition::acked(std::size_t view, const link_ack& ack) {
  auto& feed = *impl_->feeds.at(view);
  if (!feed.to_view.acked(ack))
    return;
  feed.freed = std::max(feed.freed, ack.sealed_through);
  feed.panes.free_through(ack.sealed_through);
}

std::vector<link_flush> partition::flush(std::size_t view) {
  auto& feed = *impl_->feeds.at(view);
  if (!feed.to_view.may_flush(impl_->position))
    return {};
  auto panes = feed.panes.changed_since(feed.to_view.sent().value_or(0), piece_bytes);
  if (panes.empty())
    panes.emplace_back();
  std::vector<link_flush> pieces;
  for (auto& bytes : panes)
    pieces.push_back({*feed.to_view.id(), impl_->id, impl_->position, watermark(), std::move(bytes), false});
  pieces.back().last = true;
  feed.to_view.flushed(impl_->position);
  feed.flushed = true;
  feed.flushed_at = impl_->position;
  feed.flushed_watermark = watermark();
  return pieces;
}

bool partition::quiet(std::size_t view) const noexcept {
  const auto& feed = *impl_->feeds.at(view);
  return feed.flushed && feed.flushed_at == impl_->position && feed.flushed_watermark == watermark();
}

void partition::sink_holds(std::size_t sink, offset upto) {
  impl_->sinks[sink] = upto;
}

offset partition::position() const noexcept {
  return impl_->position;
}

offset partition::read_position() const noexcept {
  return impl_->kept.empty() ? impl_->position : impl_->kept.back()->end;
}

event_time partition::watermark() const noexcept {
  return impl_->watermark();
}

bool partition::ended() const noexcept {
  return impl_->ended;
}

bool partition::replaying() const noexcept {
  return impl_->position < impl_->horizon();
}

const partition_counts& partition::counts() const noexcept {
  return impl_->counts;
}

const std::vector<lost_stretch>& partition::lost() const noexcept {
  return impl_->lost;
}

const std::vector<std::string>& partition::table_versions() const noexcept {
  return impl_->versions;
}

std::vector<step_totals> partition::steps() const {
  return impl_->steps.totals();
}

std::size_t partition::panes() const noexcept {
  std::size_t n = 0;
  for (const auto& f : impl_->feeds)
    n += f->panes.panes();
  return n;
}

std::shared_ptr<const frozen_state> partition::snapshot() const {
  std::string core;
  byte_writer out{core};
  out.u8(core_format);
  impl_->guard.save(out);
  out.u8(impl_->ended ? 1 : 0);
  out.varint(impl_->counts.records);
  out.varint(impl_->counts.dead);
  out.varint(impl_->counts.future);
  out.varint(impl_->feeds.size());
  for (std::size_t v = 0; v < impl_->feeds.size(); ++v) {
    out.text(impl_->source.views[v].name);
    out.varint(impl_->counts.late[v]);
    out.svarint(impl_->feeds[v]->freed);
  }
  out.varint(impl_->skips.size());
  for (auto at : impl_->skips)
    out.varint(at);
  out.varint(impl_->versions.size());
  for (std::size_t t = 0; t < impl_->versions.size(); ++t) {
    out.text(impl_->source.tables[t]);
    out.text(impl_->versions[t]);
  }
  out.varint(impl_->counts.skipped);
  out.varint(impl_->counts.lost);
  out.varint(impl_->counts.unkeyed);
  out.varint(impl_->lost.size());
  for (const auto& l : impl_->lost) {
    out.svarint(l.from.time_since_epoch().count());
    out.svarint(l.until.time_since_epoch().count());
  }
  impl_->steps.save(out);
  auto all = std::make_shared<frozen_partition>(std::move(core));
  impl_->steps.freeze(*all);
  for (const auto& f : impl_->feeds)
    all->add(part_kind::view, f->plan().name, f->plan().state_id, f->panes.freeze());
  return all;
}

namespace {

error damaged(std::string_view what) {
  return {errc::corrupt, "the checkpoint's " + std::string{what} + " doesn't decode"};
}

} // namespace

status partition::restore(offset at, std::string_view core, const stored_pieces& pieces,
                          const std::function<bool(const std::string&)>& known) {
  impl_->position = at;
  TIDEMILL_CHECK(restore_core(core, known));
  TIDEMILL_CHECK(pieces([&](std::string_view piece) -> status {
    piece_heading heading;
    if (!read_heading(piece, heading))
      return damaged("piece of state");
    if (heading.kind == part_kind::step)
      return impl_->steps.restore(heading);
    for (auto& f : impl_->feeds)
      if (f->plan().name == heading.name && f->plan().state_id == heading.state_id && known(f->plan().name) &&
          !f->panes.restore(heading.sections, f->freed))
        return damaged("state of view " + f->plan().name);
    return {};
  }));
  TIDEMILL_CHECK(impl_->steps.finish_restore());
  for (auto& f : impl_->feeds)
    if (!f->panes.finish_restore())
      return error{errc::corrupt, "the checkpoint lacks some of the state of view " + f->plan().name};
  return {};
}

void partition::start(offset at) noexcept {
  impl_->position = at;
}

status partition::restore_core(std::string_view bytes, const std::function<bool(const std::string&)>& known) {
  byte_reader in{bytes};
  auto format = in.u8();
  if (format < 1 || format > core_format || !impl_->guard.load(in))
    return damaged("core");
  impl_->ended = in.u8() != 0;
  impl_->counts.records = in.varint();
  impl_->counts.dead = in.varint();
  impl_->counts.future = in.varint();
  for (auto n = in.varint(); n > 0 && in.ok(); --n) {
    auto name = in.text();
    auto late = in.varint();
    auto freed = in.svarint();
    for (std::size_t v = 0; v < impl_->feeds.size(); ++v)
      if (impl_->source.views[v].name == name && known(impl_->source.views[v].name)) {
        impl_->counts.late[v] = late;
        impl_->feeds[v]->freed = freed;
      }
  }
  for (auto n = in.varint(); n > 0 && in.ok(); --n)
    impl_->skips.insert(in.varint());
  for (auto n = in.varint(); n > 0 && in.ok(); --n) {
    auto name = in.text();
    auto version = std::string{in.text()};
    auto it = std::ranges::find(impl_->source.tables, name);
    if (it == impl_->source.tables.end() || version.empty())
      continue;
    impl_->take_effect({impl_->position,
                        journal_entry::what::table,
                        {},
                        static_cast<std::uint64_t>(it - impl_->source.tables.begin()),
                        version});
  }
  if (format > 1) {
    impl_->counts.skipped = in.varint();
    impl_->counts.lost = in.varint();
    impl_->counts.unkeyed = in.varint();
    for (auto n = in.varint(); n > 0 && in.ok(); --n) {
      auto from = event_time{microseconds{in.svarint()}};
      impl_->lost.push_back({from, event_time{microseconds{in.svarint()}}});
    }
  }
  if (format > 2)
    TIDEMILL_CHECK(impl_->steps.load(in));
  if (!in.ok() || !in.at_end())
    return damaged("core");
  return {};
}

} // namespace tidemill
