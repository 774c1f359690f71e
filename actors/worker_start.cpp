// How a worker starts: its state, its links, its sinks, and then the first record.
#include "actors/state_check.hpp"
#include "actors/worker.hpp"

#include <caf/send.hpp>

#include <algorithm>
#include <stdexcept>

namespace tidemill {
void worker_state::start(worker_setup setup) {
  s_ = std::move(setup);
  const auto& source = s_.all->sources[s_.source];
  open_.assign(source.views.size(), false);
  hellos_.resize(source.views.size());
  acked_.assign(source.views.size(), 0);
  flushed_.assign(source.views.size(), 0);
  for (const auto& [index, handle] : s_.sinks)
    sinks_.push_back({index, handle, std::nullopt, 0, 0,
                      index < s_.all->sinks.size() && s_.all->sinks[index].exchange.has_value()});
  look_into_register();
  restore();
  // Not idle before the source has had the time to bring something: it may not have begun.
  shown().last_record = std::chrono::steady_clock::now().time_since_epoch().count();
  shown().running = true;
  last_save_ = self_->clock().now();
  for (std::size_t v = 0; v < s_.views.size(); ++v)
    view_up(v, s_.views[v]);
  for (const auto& sink : sinks_)
    caf::anon_send(sink.handle, atom::resume_v, std::uint32_t{to_index(at_sinks())}, sink.index,
                   worker_actor{self_});
  self_->delayed_send(self_, s_.flush, atom::beat_v);
  show();
  begin_if_ready();
}

bool suspects::blame(record_range died_at) {
  if (records != died_at) {
    *this = {died_at, std::nullopt};
    return false;
  }
  if (!records.single() || skip)
    return false;
  skip = records.from;
  return true;
}

/// Whether the process before has ended in the middle of its work, and of what. Without a register all else
/// goes on.
void worker_state::look_into_register() {
  if (s_.at_work.empty())
    return;
  auto opened = work_register::open(s_.at_work);
  s_.status->problem(s_.key + " work register", opened ? "" : opened.error().text());
  if (!opened)
    return;
  register_ = std::move(*opened);
  if (s_.suspected.records.empty())
    s_.suspected.records = register_.suspected();
  if (!register_.left().empty())
    s_.suspected.blame(register_.left());
  register_.suspect(s_.suspected.records);
}

void worker_state::restore() {
  state_ = std::make_unique<partition>(s_.all, s_.source, s_.partition, s_.arrival_times, s_.find_table);
  state_->tell_records([this](offset at) { register_.begin({at, at + 1}); });
  std::vector<std::string> warnings;
  auto loaded = s_.checkpoints->load(s_.key, warnings);
  for (const auto& w : warnings)
    s_.status->problem(s_.key + " checkpoint", w);
  if (!loaded)
    throw std::runtime_error{loaded.error().text()};
  const auto* c = loaded->get();
  const auto& views = s_.all->sources[s_.source].views;
  auto known = [&](const std::string& wanted) {
    auto view = std::ranges::find(views, wanted, &view_plan::name);
    auto saved = c->state_ids.find(wanted);
    return view != views.end() && saved != c->state_ids.end() && saved->second == state_identity(*view);
  };
  if (c == nullptr) {
    state_->start(shown().start);
  } else {
    auto restored = state_->restore(c->at, c->core, c->pieces, known);
    if (!restored)
      throw std::runtime_error{restored.error().in(s_.key).text()};
    saved_at_ = c->at;
    mark_ = c->mark;
  }
  auto opened = segment_log::open(s_.journal, {.segment_bytes = 1u << 20, .max_record = 1u << 20});
  if (!opened)
    throw std::runtime_error{opened.error().text()};
  journal_ = std::move(*opened);
  std::vector<journal_entry> entries;
  auto from = c == nullptr ? journal_->begin() : c->journal;
  if (from < journal_->begin() || from > journal_->end())
    throw std::runtime_error{"journal " + s_.journal.string() + " holds entries " +
                             std::to_string(journal_->begin()) + " to " + std::to_string(journal_->end()) +
                             ", but the checkpoint goes on from " + std::to_string(from) +
                             ": it was cut or replaced; restore it from a backup, or start with an empty "
                             "data folder"};
  // Entries before it matter to an older checkpoint, should this one turn out to be damaged.
  std::set<std::string> versions;
  if (auto named = s_.checkpoints->needed(s_.key))
    versions.insert(named->tables.begin(), named->tables.end());
  auto read = journal_->read(journal_->begin(), [&](std::uint64_t at, std::string_view bytes) {
    auto e = decode_journal_entry(bytes);
    if (!e)
      throw std::runtime_error{e.error().in(s_.journal.string()).text()};
    if (e->kind == journal_entry::what::table)
      versions.insert(e->text);
    if (at >= from)
      entries.push_back(std::move(*e));
    return true;
  });
  if (!read)
    throw std::runtime_error{read.error().text()};
  saved_entries_ = from;
  s_.stored_versions(versions);
  fresh_ = c == nullptr && entries.empty();
  forget_failed_ends(entries, s_.suspected.skip);
  state_->replay(std::move(entries));
}

/// Records may come once every link is open and every sink has said where it stands: before, nobody knows
/// what is a replay.
void worker_state::begin_if_ready() {
  auto knows = std::ranges::all_of(sinks_, [](const sink_link& s) { return s.floor.has_value(); });
  if (started_ || !knows || !links_open())
    return;
  if (!std::exchange(joined_, true))
    join_views();
  // Where it starts is decided once: `start: latest` would be another place after a crash.
  if (s_.assigned && !saved_at_) {
    tell_sinks();
    save_if_due(true);
    return;
  }
  started_ = true;
  refresh_tables();
  s_.ready(worker_actor{self_}, state_->read_position(), mark_);
}

/// A partition that is new to views which have sealed windows begins where they stand: older events are late
/// and counted, not panes of windows that are final.
void worker_state::join_views() {
  if (!std::exchange(fresh_, false))
    return;
  auto begin = time_min;
  const auto& views = s_.all->sources[s_.source].views;
  for (std::size_t v = 0; v < views.size(); ++v) {
    if (hellos_[v].frontier > 0)
      return; // not new: its checkpoint and its journal are gone
    if (hellos_[v].sealed_through != nothing_sealed)
      begin = std::max(begin, views[v].window.end_of(hellos_[v].sealed_through) + views[v].window.lateness);
  }
  if (begin != time_min && state_->may_enter())
    enter({0, journal_entry::what::advance, begin, 0, {}});
}

bool worker_state::links_open() const {
  return std::ranges::all_of(open_, [](bool b) { return b; });
}

void worker_state::hello(std::size_t view, const link_hello& h) {
  state_->open(view, h);
  open_[view] = true;
  hellos_[view] = h;
  acked_[view] = std::max(acked_[view], h.have.value_or(0));
  begin_if_ready();
}

void worker_state::view_up(std::size_t view, caf::actor handle) {
  s_.views[view] = std::move(handle);
  caf::anon_send(s_.views[view], atom::open_v, std::uint32_t{to_index(s_.partition)}, s_.incarnation,
                 worker_actor{self_});
}

void worker_state::resumed(std::size_t sink, offset upto, offset reached) {
  for (auto& s : sinks_)
    if (s.index == sink && !s.floor) {
      s.floor = s.durable = s.sent = upto;
      state_->sink_holds(sink, std::max(upto, reached));
    }
  begin_if_ready();
}

} // namespace tidemill
