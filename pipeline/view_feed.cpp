#include "pipeline/view_feed.hpp"

#include "pipeline/window/latest_cell.hpp"

#include <algorithm>
#include <limits>

namespace tidemill {

namespace {

/// Slices of times that mostly lie in the same one: a division each would cost more than all else.
class slice_finder {
public:
  explicit slice_finder(const window_plan& window) : window_(window) {}

  std::int64_t operator()(event_time t) noexcept {
    if (t < begin_ || t >= end_) {
      slice_ = window_.slice_of(t);
      begin_ = window_.start_of(slice_);
      end_ = window_.end_of(slice_);
    }
    return slice_;
  }
  /// Of the slice found last.
  [[nodiscard]] event_time end() const noexcept { return end_; }

private:
  const window_plan& window_;
  std::int64_t slice_ = 0;
  event_time begin_ = time_max, end_ = time_min;
};

/// Of texts at different places, mostly different numbers below 256.
std::size_t place_of(std::string_view text) noexcept {
  auto at = reinterpret_cast<std::uintptr_t>(text.data());
  return (at * 0x9E37'79B9'7F4A'7C15) >> 56;
}

} // namespace

void view_feed::find_passing(event_batch& batch, const selection& rows, outlet& out, refused& count) {
  passed_ = rows;
  failed_.clear();
  auto refuse = [&] {
    for (const auto& f : failed_)
      out.refused(output_kind::dead, view_.stream, view_.name, batch.records[f.row], f.why);
    count.dead += failed_.size();
    drop_failed(passed_, failed_);
    failed_.clear();
  };
  if (view_.where) {
    view_.where->evaluate(batch, passed_, where_, failed_);
    refuse();
    keep_where(passed_, where_);
  }
  inputs_.resize(view_.inputs.size());
  for (std::size_t i = 0; i < view_.inputs.size(); ++i) {
    view_.inputs[i].evaluate(batch, passed_, inputs_[i], failed_);
    refuse();
  }
}

// A record is late if its slice was final before it: slice end + lateness ≤ watermark.
void view_feed::drop_late(const event_batch& batch, const std::vector<event_time>& watermarks, outlet& out,
                          refused& count) {
  slice_finder slice_of{view_.window};
  slices_.clear();
  any_passed_by_ = false;
  if (view_.window.kind == window_kind::latest) { // an old event is as good as a new one
    for (auto row : passed_)
      slices_.push_back(static_cast<std::int64_t>(batch.records[row].at) / offsets_per_slice);
    return;
  }
  std::erase_if(passed_, [&](std::uint32_t row) {
    auto slice = slice_of(batch.times[row]);
    if (slice_of.end() + view_.window.lateness <= watermarks[row]) {
      out.late(index_, batch.records[row], batch.times[row], watermarks[row]);
      ++count.late;
      return true;
    }
    any_passed_by_ |= slice_of.end() <= watermarks[row];
    slices_.push_back(slice);
    return false;
  });
}

void view_feed::find_keys(const event_batch& batch) {
  keys_.clear();
  auto intern = [&](std::uint32_t row) {
    key_.clear();
    for (auto slot : view_.by)
      append_encoded(key_, batch.columns[slot], row);
    return panes.intern(key_);
  };
  if (view_.by.size() != 1 || !batch.columns[view_.by.front()].of().is(kind::string)) {
    for (auto row : passed_)
      keys_.push_back(intern(row));
    return;
  }
  // A text that was looked up lies at the same place in many rows of a batch.
  const auto& column = batch.columns[view_.by.front()];
  const auto* texts = column.as<std::string_view>().data();
  known_texts_.fill({});
  for (auto row : passed_) {
    auto text = column.is_null(row) ? std::string_view{} : texts[row];
    auto& known = known_texts_[place_of(text)];
    if (text.empty() || known.text.data() != text.data() || known.text.size() != text.size()) {
      auto key = intern(row);
      known = {text, key};
    }
    keys_.push_back(known.key);
  }
}

/// Of all records before one, at least the newest time: it never falls along the log.
event_time view_feed::log_time(event_time watermark) const noexcept {
  return watermark > time_max - view_.out_of_order ? time_max : watermark + view_.out_of_order;
}

void view_feed::find_removals(const removal_batch& removals, outlet& out, refused& count) {
  const auto& events = removals.events;
  removals_ = events.selected;
  if (removals_.empty())
    return;
  removed_by_.resize(view_.tombstones.size());
  failed_.clear();
  for (std::size_t i = 0; i < removed_by_.size(); ++i) {
    const auto before = failed_.size();
    view_.tombstones[i].evaluate(events, removals_, removed_by_[i], failed_);
    drop_failed(removals_, std::span{failed_}.subspan(before));
    std::erase_if(removals_, [&](std::uint32_t row) {
      if (removed_by_[i].is_null(row))
        failed_.push_back({row, {errc::event_missing, "tombstone: it has no key"}});
      return removed_by_[i].is_null(row);
    });
  }
  for (const auto& f : failed_)
    out.refused(output_kind::dead, view_.stream, view_.name, events.records[f.row], f.why);
  count.dead += failed_.size();
}

/// Tombstones become rows behind those of the batch, in which all is null but that they delete, and take
/// their places among the others.
void view_feed::merge_removals(const event_batch& batch, const std::vector<event_time>& watermarks,
                               const removal_batch& removals) {
  const auto rows = batch.rows();
  const auto& records = removals.events.records;
  log_times_.resize(rows + removals_.size());
  for (auto row : passed_)
    log_times_[row] = std::max(batch.times[row], log_time(watermarks[row]));
  for (auto& input : inputs_)
    input.resize(rows + removals_.size());
  auto& deletes = inputs_[*view_.reads[*view_.span - 1].argument]; // the last cell
  const auto passed = passed_;
  const auto keys = keys_;
  passed_.clear();
  keys_.clear();
  slices_.clear();
  changed_.clear();
  auto add = [&](std::size_t row, std::uint32_t key, const record& r) {
    passed_.push_back(static_cast<std::uint32_t>(row));
    keys_.push_back(key);
    slices_.push_back(static_cast<std::int64_t>(r.at) / offsets_per_slice);
    changed_.push_back(r.end);
  };
  std::size_t i = 0;
  auto add_rows_below = [&](offset at) {
    for (; i < passed.size() && batch.records[passed[i]].at < at; ++i)
      add(passed[i], keys[i], batch.records[passed[i]]);
  };
  for (std::size_t j = 0; j < removals_.size(); ++j) {
    const auto& r = records[removals_[j]];
    add_rows_below(r.at);
    key_.clear();
    for (const auto& by : removed_by_)
      append_encoded(key_, by, removals_[j]);
    for (auto& input : inputs_)
      input.set_null(rows + j);
    deletes.set(rows + j, true);
    log_times_[rows + j] = log_time(removals.watermarks[removals_[j]]);
    add(rows + j, panes.intern(key_), r);
  }
  add_rows_below(std::numeric_limits<offset>::max());
}

view_feed::refused view_feed::apply(event_batch& batch, const selection& rows,
                                    const std::vector<event_time>& watermarks, const removal_batch& removals,
                                    outlet& out) {
  refused count;
  find_passing(batch, rows, out, count);
  drop_late(batch, watermarks, out, count);
  const auto by_log = !view_.tombstones.empty();
  if (by_log)
    find_removals(removals, out, count);
  if (passed_.empty() && (!by_log || removals_.empty()))
    return count;
  find_keys(batch);
  changed_.clear();
  for (auto row : passed_)
    changed_.push_back(batch.records[row].end);
  if (by_log)
    merge_removals(batch, watermarks, removals);
  const auto* times = by_log ? log_times_.data() : batch.times.data();
  panes.touch(slices_, keys_, changed_, states_);
  for (std::size_t i = 0; i < view_.layout->parts(); ++i) {
    auto shift = view_.layout->offset(i);
    if (shift > 0) {
      part_ = states_;
      for (auto& state : part_)
        state += shift;
    }
    const auto& reads = view_.reads[i];
    view_.layout->part(i).update(shift > 0 ? part_ : states_,
                                 {reads.argument ? &inputs_[*reads.argument] : nullptr,
                                  reads.by ? &inputs_[*reads.by] : nullptr, times},
                                 passed_);
  }
  if (!any_passed_by_)
    return count;
  for (std::size_t i = 0; i < passed_.size(); ++i)
    if (auto by = watermarks[passed_[i]]; view_.window.end_of(slices_[i]) <= by)
      panes.note_late(slices_[i], keys_[i], view_.window.last_ended(by) - slices_[i]);
  return count;
}

} // namespace tidemill
