#include "pipeline/record_intake.hpp"

#include <algorithm>
#include <numeric>
#include <stdexcept>

namespace tidemill {
namespace {

bool is_tombstone(const record& r) noexcept {
  return r.meta != nullptr && r.meta->tombstone;
}

std::unique_ptr<codec> codec_of(const source_plan& source) {
  if (source.exchange)
    return nullptr;
  auto made = make_codec(source.format, source.fields, source.needed);
  if (!made)
    throw std::logic_error{made.error().text()}; // the plan has compiled it before
  return std::move(*made);
}

} // namespace

record_intake::record_intake(const source_plan& source, partition_id id, partition_state& state, outlet& out)
    : source_(source), id_(id), state_(state), out_(out), codec_(codec_of(source)) {}

record_intake::taken record_intake::take(const std::deque<record_batch_ptr>& kept, offset limit, bool more,
                                         judged_events& to, work_mark& at_work) {
  refused_.clear();
  to.events.clear();
  to.removals.events.clear();
  to.events.partition = to.removals.events.partition = id_;
  if (state_.exchange) {
    at_work.take_up(*kept.front());
    return take_exchanged(kept, limit, to);
  }
  decode(kept, to, at_work);
  at_work.take_up(*kept.front());
  read_times(to.events);
  future_.clear();
  const auto waits = judge(to, limit, more);
  if (waits)
    limit = *waits;
  refuse_below(limit);
  for (const auto& r : future_)
    out_.refused(output_kind::future, 0, "time", r,
                 {errc::event_future, "its time lies more than " +
                                          format_config_duration(source_.max_future) + " in the future"});
  state_.counts.future += future_.size();
  prepare_removals(to, limit);
  if (!to.events.selected.empty())
    state_.end_gap(to.events.times[to.events.selected.front()]);
  return {limit, waits.has_value()};
}

record_intake::taken record_intake::take_exchanged(const std::deque<record_batch_ptr>& kept, offset limit,
                                                   judged_events& to) {
  taken all{limit};
  to.watermarks.clear();
  state_.exchange->begin();
  std::vector<exchange_intake::refusal> refused;
  for (const auto& batch : kept)
    all.frontiers += state_.exchange->take(*decodable(batch, to.removals.events), limit, to.events,
                                           to.watermarks, refused);
  refuse_below(limit);
  for (const auto& r : refused)
    out_.refused(output_kind::dead, 0, "join", r.what, r.why);
  state_.counts.dead += refused.size();
  return all;
}

/// Rows and failures in the order of records.
void record_intake::decode(const std::deque<record_batch_ptr>& kept, judged_events& to, work_mark& at_work) {
  for (const auto& batch : kept) {
    const auto piece = decodable(batch, to.removals.events);
    at_work.take_up(*piece); // those before it were decoded when they came
    failures_.clear();
    codec_->decode(*piece, to.events, failures_);
    for (auto& f : failures_)
      refused_.push_back({piece->records[f.record], std::move(f.why)});
  }
}

/// Without the records that nothing is to be made of.
record_batch_ptr record_intake::decodable(const record_batch_ptr& batch, event_batch& removals) {
  if (state_.skips.empty() && std::ranges::none_of(batch->records, is_tombstone))
    return batch;
  auto rest = std::make_shared<record_batch>(*batch);
  std::erase_if(rest->records, [&](const record& r) {
    if (state_.skips.contains(r.at))
      refused_.push_back(
          {r, {errc::poison, "this record ended its worker, or the process, repeatedly and was skipped"}});
    else if (is_tombstone(r) && source_.tombstones == tombstone_use::remove)
      removals.records.push_back(r);
    else if (is_tombstone(r) && source_.tombstones == tombstone_use::skip)
      refused_.push_back({r, {}});
    else if (is_tombstone(r))
      refused_.push_back({r, {errc::event_missing, "tombstone: the record has no value"}});
    else
      return false;
    return true;
  });
  return rest;
}

/// Rows without a time are refused and lose their place in `selected`.
void record_intake::read_times(event_batch& events) {
  const auto& column = events.columns[source_.time_slot];
  const auto& values = column.as<timestamp>();
  events.times.resize(events.rows());
  std::ranges::transform(values, events.times.begin(), to_event_time);
  if (!column.has_nulls())
    return;
  std::erase_if(events.selected, [&](std::uint32_t row) {
    if (column.is_null(row))
      refused_.push_back(
          {events.records[row],
           {errc::event_time, "the event time " + source_.fields[source_.time_slot].name + " is null"}});
    return column.is_null(row);
  });
}

/// Judges the times of rows below `limit` in order, looking ahead over all; returns the offset of the first
/// record that must wait for more, or none.
std::optional<offset> record_intake::judge(judged_events& to, offset limit, bool more) {
  auto& events = to.events;
  to.watermarks.resize(events.rows());
  if (events.selected.size() == events.rows())
    return judge(events.times, events.records, to.watermarks, events.selected, limit, more);
  // The guard looks ahead over records that have a time.
  std::vector<event_time> times, before(events.selected.size());
  std::vector<record> records;
  for (auto row : events.selected) {
    times.push_back(events.times[row]);
    records.push_back(events.records[row]);
  }
  const auto rows = events.selected;
  const auto waits = judge(times, records, before, events.selected, limit, more);
  for (auto& i : events.selected) {
    to.watermarks[rows[i]] = before[i];
    i = rows[i];
  }
  return waits;
}

/// As above, of records that all have a time.
std::optional<offset> record_intake::judge(std::span<const event_time> times, std::span<const record> records,
                                           std::span<event_time> before, selection& accepted, offset limit,
                                           bool more) {
  auto& guard = state_.guard;
  const auto below = std::ranges::partition_point(records, [&](const record& r) { return r.at < limit; });
  const auto end = static_cast<std::size_t>(below - records.begin());
  accepted.clear();
  for (std::size_t i = 0; i < end; ++i) {
    const auto plain = guard.accept(times, records, i, end, before);
    const auto room = accepted.size();
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
      future_.push_back(records[i]);
      break;
    case time_guard::verdict::undecided:
      return records[i].at;
    }
  }
  return std::nullopt;
}

/// Keeps the tombstones below `limit`, with what a view may know of them.
void record_intake::prepare_removals(judged_events& to, offset limit) const {
  auto& removals = to.removals.events;
  std::erase_if(removals.records, [&](const record& r) { return r.at >= limit; });
  if (removals.records.empty())
    return;
  to.removals.watermarks.clear();
  const auto& selected = to.events.selected;
  auto row = selected.begin(); // a refused record doesn't move the watermark
  for (const auto& r : removals.records) {
    while (row != selected.end() && to.events.records[*row].at < r.at)
      ++row;
    to.removals.watermarks.push_back(row == selected.end() ? state_.guard.watermark() : to.watermarks[*row]);
  }
  removals.selected.resize(removals.records.size());
  std::iota(removals.selected.begin(), removals.selected.end(), 0u);
  removals.columns.resize(source_.fields.size() + meta_columns);
  fill_meta(source_.meta, source_.fields.size(), removals);
}

void record_intake::refuse_below(offset limit) {
  for (const auto& r : refused_) {
    if (r.what.at >= limit)
      continue; // it comes again
    if (r.why.code() == errc::none) {
      ++state_.counts.skipped;
      continue;
    }
    out_.refused(output_kind::dead, 0, "decode", r.what, r.why);
    ++state_.counts.dead;
    state_.skips.erase(r.what.at);
  }
}

} // namespace tidemill
