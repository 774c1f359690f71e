#include "pipeline/partition.hpp"

#include "pipeline/record_intake.hpp"
#include "pipeline/record_queue.hpp"
#include "pipeline/stream_walk.hpp"

#include <algorithm>
#include <deque>
#include <limits>
#include <map>
#include <stdexcept>

namespace tidemill {
namespace {

constexpr offset no_limit = std::numeric_limits<offset>::max();

} // namespace

struct partition::impl {
  impl(std::shared_ptr<const plan> p, std::size_t source_index, partition_id i, bool arrival_times,
       table_finder t)
      : all(std::move(p)), source(all->sources[source_index]), id(i), find_table(std::move(t)),
        state(source, arrival_times), out(source, i), intake(source, i, state, out),
        walk(source, state, out) {}

  std::shared_ptr<const plan> all;
  const source_plan& source;
  partition_id id;
  table_finder find_table;

  record_queue log; // its position is state too
  partition_state state;

  // What leads to it.
  outlet out;
  record_intake intake;
  stream_walk walk;
  judged_events events; // kept for their room
  std::deque<journal_entry> due;
  std::map<std::size_t, offset> sinks;
  event_tap* watcher = nullptr;
  work_mark at_work;

  void take_effect(const journal_entry& e) {
    switch (e.kind) {
    case journal_entry::what::advance:
      state.guard.advance(e.time);
      break;
    case journal_entry::what::end:
      state.ended = true;
      state.guard.advance(time_max);
      break;
    case journal_entry::what::skip:
      state.skips.insert(e.number);
      break;
    case journal_entry::what::gap:
      // A log that has been restored may hold the lost records again; they stay lost.
      if (const auto at = log.position(); e.number > at) {
        log.lose(e.number);
        state.lose(e.number - at);
      }
      break;
    case journal_entry::what::table:
      if (auto t = table_of(e, source.tables))
        use_table(*t, e.text);
      break;
    }
  }

  void use_table(std::size_t number, const std::string& version) {
    auto table = find_table(number, version);
    if (!table)
      throw std::runtime_error{"version " + version + " of table " + source.tables.at(number) +
                               " is needed to replay and is gone"};
    walk.set_table(number, std::move(table));
    state.versions.at(number) = version;
  }

  void take_due() {
    while (!due.empty() && due.front().at <= log.position()) {
      take_effect(due.front());
      due.pop_front();
    }
  }

  /// Entries take effect in the order of their offsets. A gap may come before entries of a replay: what lies
  /// between can't be read again.
  void note(journal_entry e) {
    auto after = std::ranges::upper_bound(due, e.at, {}, &journal_entry::at);
    due.insert(after, std::move(e));
  }

  [[nodiscard]] offset horizon() const noexcept {
    offset h = 0;
    for (const auto& f : state.feeds)
      h = std::max(h, f->to_view.horizon());
    for (const auto& [sink, upto] : sinks)
      h = std::max(h, upto);
    return h;
  }

  [[nodiscard]] bool replaying() const noexcept { return log.position() < horizon(); }

  /// Consumes records below `limit`. False: the rest waits for more records.
  bool consume(offset limit, bool more) {
    at_work.at = log.position();
    const auto taken = intake.take(log.batches(), limit, more, events, at_work);
    if (!events.events.selected.empty() || events.removals.events.rows() > 0)
      walk.run(events, replaying() ? nullptr : watcher); // replays were seen before
    events.events.memory.clear();
    state.counts.records += log.release(taken.upto) - taken.frontiers;
    at_work.at.reset();
    return !taken.waits;
  }

  /// Consumes all that can be, stopping at journal entries.
  void advance(std::vector<emission>& emitted) {
    for (;;) {
      take_due();
      if (log.empty())
        break;
      auto limit = due.empty() ? no_limit : due.front().at;
      if (at_work.one_by_one)
        limit = std::min(limit, log.next_end());
      const auto ends = !due.empty() && (due.front().kind == journal_entry::what::end ||
                                         due.front().kind == journal_entry::what::gap);
      const auto at_end = ends && log.read_position() >= due.front().at;
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
  if (impl_->log.add(batch))
    impl_->advance(out);
}

void partition::watch(event_tap* by) noexcept {
  impl_->watcher = by;
}

void partition::divert(row_taker* to) noexcept {
  impl_->walk.divert(to);
}

void partition::one_by_one(bool on) noexcept {
  impl_->at_work.one_by_one = on;
}

void partition::tell_records(std::function<void(offset)> told) {
  impl_->at_work.told = std::move(told);
}

std::optional<offset> partition::at_work() const noexcept {
  return impl_->at_work.at;
}

void partition::replay(std::vector<journal_entry> entries) {
  for (auto& e : entries)
    impl_->note(std::move(e));
  impl_->take_due();
}

bool partition::may_enter() const noexcept {
  return impl_->due.empty() &&
         std::ranges::all_of(impl_->state.feeds, [](const auto& f) { return f->to_view.is_open(); }) &&
         !impl_->replaying();
}

offset partition::entry_offset(journal_entry::what kind) const noexcept {
  auto behind = kind == journal_entry::what::end || kind == journal_entry::what::gap;
  return behind ? read_position() : position();
}

void partition::enter(const journal_entry& e, std::vector<emission>& out) {
  impl_->note(e);
  impl_->advance(out);
}

std::size_t partition::entries_due() const noexcept {
  return impl_->due.size();
}

void partition::open(std::size_t view, const link_hello& hello) {
  auto& feed = *impl_->state.feeds.at(view);
  if (!feed.to_view.open(hello))
    throw std::runtime_error{
        "the log of view " + feed.plan().name +
        " has lost windows that were final: this partition has forgotten what they were made of; "
        "restore the view's log, or start with an empty data folder"};
}

void partition::acked(std::size_t view, const link_ack& ack) {
  impl_->state.feeds.at(view)->to_view.acked(ack);
}

std::vector<link_flush> partition::flush(std::size_t view) {
  return impl_->state.feeds.at(view)->to_view.flush(impl_->id, position(), watermark());
}

bool partition::quiet(std::size_t view) const noexcept {
  return impl_->state.feeds.at(view)->to_view.quiet(position(), watermark());
}

void partition::sink_holds(std::size_t sink, offset upto) {
  impl_->sinks[sink] = upto;
}

offset partition::position() const noexcept {
  return impl_->log.position();
}

offset partition::read_position() const noexcept {
  return impl_->log.read_position();
}

event_time partition::watermark() const noexcept {
  return impl_->state.watermark();
}

bool partition::ended() const noexcept {
  return impl_->state.ended;
}

bool partition::replaying() const noexcept {
  return impl_->replaying();
}

const partition_counts& partition::counts() const noexcept {
  return impl_->state.counts;
}

const std::vector<lost_stretch>& partition::lost() const noexcept {
  return impl_->state.lost;
}

const std::vector<std::string>& partition::table_versions() const noexcept {
  return impl_->state.versions;
}

std::vector<step_totals> partition::steps() const {
  return impl_->state.steps.totals();
}

std::size_t partition::panes() const noexcept {
  std::size_t n = 0;
  for (const auto& f : impl_->state.feeds)
    n += f->panes.panes();
  return n;
}

std::shared_ptr<const frozen_state> partition::snapshot() const {
  return impl_->state.freeze();
}

void partition::start(offset at) noexcept {
  impl_->log.start(at);
}

status partition::restore(offset at, std::string_view core, const stored_pieces& pieces,
                          const std::function<bool(const std::string&)>& known) {
  start(at);
  TIDEMILL_CHECK(impl_->state.restore(core, pieces, known));
  const auto versions = impl_->state.versions;
  for (std::size_t t = 0; t < versions.size(); ++t)
    if (!versions[t].empty())
      impl_->use_table(t, versions[t]);
  return {};
}

} // namespace tidemill
