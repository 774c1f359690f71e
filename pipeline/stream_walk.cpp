#include "pipeline/stream_walk.hpp"

#include <algorithm>

namespace tidemill {

stream_walk::stream_walk(const source_plan& source, partition_state& state, outlet& out)
    : source_(source), state_(state), out_(out), tables_(source.tables.size()),
      passed_(source.streams.size()) {}

void stream_walk::run(judged_events& judged, event_tap* watcher) {
  auto& events = judged.events;
  events.columns.resize(std::max(events.columns.size(), source_.columns));
  fill_meta(source_.meta, source_.fields.size(), events);
  rows_of_.assign(source_.streams.size(), {&events, &judged.watermarks});
  for (std::size_t s = 0; s < source_.streams.size(); ++s) {
    if (const auto parent = source_.streams[s].parent) {
      rows_of_[s] = rows_of_[*parent];
      rows_of_[s].events->selected = passed_[*parent];
    }
    run_steps(s, watcher);
    passed_[s] = rows_of_[s].events->selected;
    if (out_.wants(s))
      state_.counts.unkeyed += out_.events(s, *rows_of_[s].events, passed_[s]);
    out_.exchange(s, *rows_of_[s].events, passed_[s]);
  }
  feed_views(judged.removals);
  for (auto& [place, made] : spread_)
    made.clear();
}

void stream_walk::run_steps(std::size_t s, event_tap* watcher) {
  const auto& stream = source_.streams[s];
  if (watcher != nullptr)
    watcher->see(s, 0, *rows_of_[s].events);
  for (std::size_t i = 0; i < stream.steps.size() && !rows_of_[s].events->selected.empty(); ++i) {
    failed_.clear();
    const auto before = rows_of_[s];
    if (auto& step = state_.steps.at(s, i); step.spreads())
      rows_of_[s] = make_rows(step, s, i);
    else
      step.apply(*before.events, {tables_, *before.watermarks}, failed_);
    if (watcher != nullptr)
      watcher->see(s, i + 1, *rows_of_[s].events);
    for (const auto& f : failed_)
      out_.refused(output_kind::dead, s, stream.step_names[i], before.events->records[f.row], f.why);
    state_.counts.dead += failed_.size();
  }
}

stream_walk::stream_rows stream_walk::make_rows(step& by, std::size_t s, std::size_t i) {
  auto& made = spread_[{s, i}];
  const auto& from = rows_of_[s];
  made.make(by, *from.events, *from.watermarks, from.roots, source_.columns, failed_);
  return {&made.events, &made.watermarks, made.roots};
}

void stream_walk::feed_views(const removal_batch& removals) {
  for (std::size_t v = 0; v < state_.feeds.size(); ++v) {
    auto& feed = *state_.feeds[v];
    const auto s = feed.plan().stream;
    const auto& rows = rows_of_[s];
    if (taker_ != nullptr) {
      taker_->take(v, *rows.events, passed_[s], *rows.watermarks);
      continue;
    }
    const auto refused = feed.apply(*rows.events, passed_[s], *rows.watermarks, removals, out_);
    state_.counts.late[v] += refused.late;
    state_.counts.dead += refused.dead;
  }
}

} // namespace tidemill
