#include "pipeline/view_feed.hpp"

#include <algorithm>

namespace tidemill {
selection view_feed::passing(event_batch& batch, const selection& rows, outlet& out, refused& count) {
  auto passed = rows;
  std::vector<cel::row_error> failed;
  auto refuse = [&] {
    for (const auto& f : failed)
      out.refused(output_kind::dead, view_.stream, view_.name, batch.records[f.row], f.why);
    count.dead += failed.size();
    drop_failed(passed, failed);
    failed.clear();
  };
  if (view_.where) {
    column holds;
    view_.where->evaluate(batch, passed, holds, failed);
    refuse();
    const auto& bits = holds.as<std::uint8_t>();
    std::erase_if(passed, [&](std::uint32_t row) { return holds.is_null(row) || bits[row] == 0; });
  }
  arguments_.resize(view_.arguments.size());
  for (std::size_t i = 0; i < view_.arguments.size(); ++i)
    if (view_.arguments[i]) {
      view_.arguments[i]->evaluate(batch, passed, arguments_[i], failed);
      refuse();
    }
  return passed;
}

void view_feed::keys_of(const event_batch& batch, const selection& rows) {
  keys_.clear();
  for (auto row : rows) {
    key_.clear();
    for (auto slot : view_.by)
      append_encoded(key_, batch.columns[slot].at(row));
    keys_.push_back(panes.intern(key_));
  }
}

view_feed::refused view_feed::apply(event_batch& batch, const selection& rows,
                                    const std::vector<event_time>& watermarks, outlet& out) {
  refused count;
  auto passed = passing(batch, rows, out, count);
  const auto& window = view_.window;
  // A record is late if its slice was final before it: slice end + lateness ≤ watermark.
  std::erase_if(passed, [&](std::uint32_t row) {
    auto slice = window.slice_of(batch.times[row]);
    if (window.end_of(slice) + window.lateness > watermarks[row])
      return false;
    out.late(index_, batch.records[row], batch.times[row], watermarks[row]);
    ++count.late;
    return true;
  });
  if (passed.empty())
    return count;
  keys_of(batch, passed);
  slices_.clear();
  changed_.clear();
  for (auto row : passed) {
    slices_.push_back(window.slice_of(batch.times[row]));
    changed_.push_back(batch.records[row].end);
  }
  panes.touch(slices_, keys_, changed_, states_);
  for (std::size_t i = 0; i < view_.layout->parts(); ++i) {
    part_ = states_;
    for (auto& state : part_)
      state += view_.layout->offset(i);
    view_.layout->part(i).update(part_, view_.arguments[i] ? &arguments_[i] : nullptr, passed);
  }
  for (std::size_t i = 0; i < passed.size(); ++i)
    if (auto passed_by = watermarks[passed[i]]; window.end_of(slices_[i]) <= passed_by)
      panes.note_late(slices_[i], keys_[i], window.last_ended(passed_by) - slices_[i]);
  return count;
}

} // namespace tidemill
