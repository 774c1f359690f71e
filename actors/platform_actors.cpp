// From open sources to actors, and back.
#include "actors/platform_impl.hpp"

#include "actors/alert_feeder.hpp"
#include "actors/messages.hpp"
#include "actors/state_check.hpp"
#include "actors/view.hpp"
#include "actors/worker.hpp"

#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <cstdio>
#include <set>
#include <unistd.h>

namespace tidemill {
namespace {

constexpr std::chrono::milliseconds exchange_sync{25}; // what a join costs in latency, and a sync of the disk

bool takes_sealed_rows(const sink_plan& s, const std::string& view) {
  return s.feed == sink_feed::sealed_rows && std::ranges::find(s.views, view) != s.views.end();
}

} // namespace

std::size_t platform::impl::add(std::vector<supervised>& children, supervised child) {
  auto number = children.size();
  handles.emplace_back();
  // Those who start later find the handle of this incarnation.
  child.start = [this, number, start = std::move(child.start)](
                    caf::event_based_actor* parent, std::uint64_t incarnation, const suspects& suspected) {
    return handles[number] = start(parent, incarnation, suspected);
  };
  children.push_back(std::move(child));
  return number;
}

void platform::impl::add_saver(std::vector<supervised>& children) {
  supervised child{"checkpoint writer", supervised::kind::saver, 0, 0, {}, {}};
  child.start = [this](caf::event_based_actor* parent, std::uint64_t, const suspects&) {
    return parent->spawn<caf::detached>(
        saver_actor, saver_setup{checkpoints.get(), boards,
                                 [this](const std::string& key, const std::vector<std::string>& v) {
                                   tables->saved(key, v);
                                 }});
  };
  saver = add(children, std::move(child));
}

void platform::impl::add_publishers(std::vector<supervised>& children) {
  for (const auto& v : views) {
    supervised child{"publisher of " + v.plan->name, supervised::kind::publisher, v.source, v.index, {}, {}};
    child.start = [this, v](caf::event_based_actor* parent, std::uint64_t incarnation, const suspects&) {
      publisher_setup setup{
          v.plan->schema, epoch + incarnation - 1, boards->sources[v.source]->partitions.size(), v.cell, {}};
      return parent->spawn(publisher, std::move(setup));
    };
    publisher_of.push_back(add(children, std::move(child)));
  }
}

sink_common platform::impl::common(std::size_t sink, std::string name) const {
  return {std::move(name), boards, sink, stopping};
}

caf::actor platform::impl::spawn_sink(caf::event_based_actor* parent, std::size_t i,
                                      const sink_common& shown) {
  const auto& s = all->sinks[i];
  if (s.feed == sink_feed::changes) {
    std::vector<std::shared_ptr<const view_cell>> cells;
    for (const auto& v : views)
      if (std::ranges::find(s.views, v.plan->name) != s.views.end())
        cells.push_back(v.cell);
    auto logs = logs_of(s);
    return parent->spawn<caf::detached>(mirror_actor,
                                        mirror_setup{shown,
                                                     [this, &s] { return make_mirror(s, *all); },
                                                     std::move(cells),
                                                     std::chrono::milliseconds{100},
                                                     [&s] { return make_log_mirror(s); },
                                                     {logs.begin(), logs.end()}});
  }
  if (s.feed == sink_feed::sealed_rows)
    return parent->spawn<caf::detached>(
        sealed_sink_actor, sealed_sink_setup{shown, [this, &s] { return make_sealed_sink(s, *all); }});
  if (s.exchange) {
    auto make = [log = exchanges[*s.exchange]]() -> result<std::unique_ptr<event_sink>> {
      return std::make_unique<exchange_sink>(log);
    };
    return parent->spawn<caf::detached>(event_sink_actor,
                                        event_sink_setup{shown, std::move(make), exchange_sync});
  }
  return parent->spawn<caf::detached>(
      event_sink_actor, event_sink_setup{shown, [this, &s] { return make_event_sink(s, *all, numbered); }});
}

void platform::impl::add_sinks(std::vector<supervised>& children) {
  for (std::size_t i = 0; i < all->sinks.size(); ++i) {
    supervised child{"sinks." + all->sinks[i].settings.name.text, supervised::kind::sink, 0, i, {}, {}};
    child.start = [this, i, shown = common(i, child.name)](caf::event_based_actor* parent, std::uint64_t,
                                                           const suspects&) {
      return spawn_sink(parent, i, shown);
    };
    sink_of[i] = add(children, std::move(child));
  }
  for (std::size_t s = 0; s < all->sources.size(); ++s) {
    auto shown = all->sinks.size() + s;
    auto name = "dead letters of " + all->sources[s].name;
    supervised child{name, supervised::kind::sink, s, shown, {}, {}};
    child.start = [this, s, shown, name](caf::event_based_actor* parent, std::uint64_t, const suspects&) {
      return parent->spawn<caf::detached>(
          event_sink_actor,
          event_sink_setup{common(shown, name), [this, s]() -> result<std::unique_ptr<event_sink>> {
                             return make_dead_letter_sink(all->sources[s], numbered[s].first, dead_letters);
                           }});
    };
    dead_letters_of.push_back(add(children, std::move(child)));
  }
}

std::vector<std::shared_ptr<alert_cell>> platform::impl::logs_of(const sink_plan& s) const {
  std::vector<std::shared_ptr<alert_cell>> logs;
  for (const auto& v : views)
    for (const auto& log : v.alerts)
      if (std::ranges::find(s.alerts, log->load()->rule->name) != s.alerts.end())
        logs.push_back(log);
  return logs;
}

std::shared_ptr<alert_hold> platform::impl::hold_of(const std::shared_ptr<alert_cell>& log) const {
  for (const auto& v : views)
    for (std::size_t i = 0; i < v.alerts.size(); ++i)
      if (v.alerts[i] == log)
        return v.holds[i];
  return nullptr;
}

void platform::impl::add_feeders(std::vector<supervised>& children) {
  for (std::size_t i = 0; i < all->sinks.size(); ++i) {
    if (all->sinks[i].feed != sink_feed::events)
      continue;
    for (const auto& log : logs_of(all->sinks[i])) {
      auto rule = log->load()->rule->name;
      supervised child{"alert " + rule + " to sinks." + all->sinks[i].settings.name.text,
                       supervised::kind::feeder,
                       0,
                       i,
                       {},
                       {}};
      auto hold = hold_of(log);
      child.start = [this, i, log, rule, hold, place = hold->add()](caf::event_based_actor* parent,
                                                                    std::uint64_t, const suspects&) {
        return parent->spawn(alert_feeder, alert_feeder_setup{handles[sink_of.at(i)], number_of_alert(rule),
                                                              log, hold, place});
      };
      children[sink_of.at(i)].dependants.push_back(add(children, std::move(child)));
    }
  }
}

void platform::impl::add_views(std::vector<supervised>& children) {
  for (std::size_t n = 0; n < views.size(); ++n) {
    const auto& v = views[n];
    supervised child{"view " + v.plan->name, supervised::kind::view, v.source, v.index, {}, {}};
    child.start = [this, n, v](caf::event_based_actor* parent, std::uint64_t incarnation, const suspects&) {
      view_setup setup;
      setup.all = all;
      setup.source = v.source;
      setup.view = v.index;
      setup.index = static_cast<std::uint32_t>(v.index);
      setup.partitions = boards->sources[v.source]->partitions.size();
      setup.log = view_log_folder(data->path(), *v.plan);
      setup.alerts = v.alerts;
      setup.held = {v.holds.begin(), v.holds.end()};
      setup.alert_epoch = epoch + incarnation - 1;
      setup.publisher = handles[publisher_of[n]];
      for (std::size_t i = 0; i < all->sinks.size(); ++i)
        if (takes_sealed_rows(all->sinks[i], v.plan->name))
          setup.sealed_sinks.emplace_back(static_cast<std::uint32_t>(i), handles[sink_of.at(i)]);
      setup.tick = std::clamp(milliseconds_of(engine().time("flush", std::chrono::milliseconds{100})) / 2,
                              std::chrono::milliseconds{5}, std::chrono::milliseconds{100});
      setup.status = boards;
      setup.shown = n;
      setup.incarnation = incarnation;
      if (incarnation > 1)
        ++boards->views[n]->restarts;
      return parent->spawn<caf::detached>(view_actor, std::move(setup));
    };
    view_of.push_back(add(children, std::move(child)));
    children[publisher_of[n]].dependants.push_back(view_of.back());
    for (std::size_t i = 0; i < all->sinks.size(); ++i)
      if (takes_sealed_rows(all->sinks[i], v.plan->name))
        children[sink_of.at(i)].dependants.push_back(view_of.back());
  }
}

void platform::impl::add_workers(std::vector<supervised>& children) {
  std::size_t workers = 0;
  for (std::size_t s = 0; s < all->sources.size(); ++s) {
    auto& numbers = worker_of.emplace_back();
    const auto& source = all->sources[s];
    std::set<std::size_t> sinks;
    for (const auto& o : source.outputs)
      sinks.insert(o.sinks.begin(), o.sinks.end());
    for (std::size_t p = 0; p < boards->sources[s]->partitions.size(); ++p) {
      auto id = static_cast<partition_id>(p);
      worker_setup fixed;
      fixed.all = all;
      fixed.source = s;
      fixed.partition = id;
      fixed.arrival_times = opened[s]->has_arrival_times();
      fixed.key = checkpoint_key(source.name, p);
      fixed.identity = opened[s]->identity(id);
      fixed.assigned = opened[s]->assigns();
      fixed.journal = data->path() / "journal" / source.name / std::to_string(p);
      fixed.at_work = data->path() / "at_work" / source.name / std::to_string(p);
      fixed.checkpoints = checkpoints.get();
      fixed.sink_base = numbered[s].first;
      fixed.find_table = [this](std::size_t table, const std::string& version) {
        return tables->find(table, version);
      };
      fixed.table_versions = [this, key = fixed.key] { return tables->newest(key); };
      fixed.stored_versions = [this, key = fixed.key](const std::set<std::string>& v) {
        tables->started(key, v);
      };
      fixed.flush = milliseconds_of(engine().time("flush", std::chrono::milliseconds{100}));
      fixed.checkpoint = milliseconds_of(engine().time("checkpoint", std::chrono::seconds{5}));
      fixed.checkpoint_bytes =
          static_cast<std::size_t>(engine().integer("checkpoint_bytes", std::int64_t{1} << 30));
      fixed.status = boards;
      fixed.taps = taps;
      fixed.ready = [this, s, id](worker_actor to, offset at, std::optional<record_mark> before) {
        runners[s]->route(id, std::move(to), at, before);
      };
      fixed.committed = [this, s, id](offset at) { runners[s]->committed(id, at); };
      fixed.release = [this, s, id](offset upto) {
        // A failure costs space, not safety.
        if (ingests[s])
          (void)ingests[s]->release(id, upto);
        if (exchanges[s])
          (void)exchanges[s]->records()->release(id, upto);
      };
      supervised child{"worker " + fixed.key, supervised::kind::worker, s, p, {}, {}, fixed.assigned};
      child.start = [this, fixed, s, sinks](caf::event_based_actor* parent, std::uint64_t incarnation,
                                            const suspects& suspected) {
        auto setup = fixed;
        setup.saver = handles[saver];
        for (std::size_t n = 0; n < views.size(); ++n)
          if (views[n].source == s)
            setup.views.push_back(handles[view_of[n]]);
        for (auto i : sinks)
          setup.sinks.emplace_back(static_cast<std::uint32_t>(i), handles[sink_of.at(i)]);
        setup.sinks.emplace_back(static_cast<std::uint32_t>(all->sinks.size()), handles[dead_letters_of[s]]);
        setup.incarnation = incarnation;
        setup.suspected = suspected;
        return caf::actor_cast<caf::actor>(parent->spawn(worker, std::move(setup)));
      };
      numbers.push_back(add(children, std::move(child)));
      children[saver].dependants.push_back(numbers.back());
      children[dead_letters_of[s]].dependants.push_back(numbers.back());
      for (auto i : sinks)
        children[sink_of.at(i)].dependants.push_back(numbers.back());
      for (std::size_t n = 0; n < views.size(); ++n)
        if (views[n].source == s)
          children[view_of[n]].dependants.push_back(numbers.back());
    }
    workers += numbers.size();
  }
  tables->expect(workers);
}

void platform::impl::start_actors() {
  std::vector<supervised> children;
  add_saver(children);
  add_publishers(children);
  add_sinks(children);
  add_feeders(children);
  add_views(children);
  add_workers(children);
  for (std::size_t s = 0; s < all->sources.size(); ++s) {
    const auto& source = all->sources[s];
    source_runner::settings runner;
    auto partitions =
        static_cast<std::int64_t>(std::max<std::size_t>(1, boards->sources[s]->partitions.size()));
    runner.bytes = std::max<std::int64_t>(256 << 10, engine().integer("memory", 256 << 20) / partitions);
    runner.max_lead = source.max_lead;
    // A partition of an exchange that waits for another holds up who feeds both.
    runner.aligned = source.partition_by.has_value() || source.exchange.has_value();
    runner.skip_gaps = source.settings.settings.text("on_gap") == "continue";
    runners.push_back(
        std::make_unique<source_runner>(std::move(opened[s]), runner, boards, s, listener_of(s)));
  }
  auto threads = static_cast<std::size_t>(engine().integer("threads", 0));
  config = std::make_unique<system_config>(threads > 0 ? threads
                                                       : std::max(1u, std::thread::hardware_concurrency()));
  system = std::make_unique<caf::actor_system>(*config);
  const auto& restart = engine().section("restart");
  restart_policy::limits limits{milliseconds_of(restart.time("initial", std::chrono::milliseconds{100})),
                                milliseconds_of(restart.time("max", std::chrono::seconds{30})),
                                milliseconds_of(restart.time("reset_after", std::chrono::seconds{10})),
                                static_cast<std::uint32_t>(restart.integer("max_failures", 5))};
  supervisor_setup setup{
      std::move(children), limits, boards, [this](std::string why) { fail(std::move(why)); },
      [this](std::size_t s, std::size_t p) { runners[s]->release(static_cast<partition_id>(p)); }};
  supervising = system->spawn(supervisor, std::move(setup));
  for (auto& r : runners)
    r->start();
}

/// What a source's thread tells goes to the supervisor.
source_runner::listener platform::impl::listener_of(std::size_t s) {
  auto number = static_cast<std::uint64_t>(s);
  source_runner::listener l;
  l.failed = [this](const error& e) { fail(e.text()); };
  l.assigned = [this, number](partition_id p) {
    caf::anon_send(supervising, atom::assigned_v, number, std::uint64_t{to_index(p)});
  };
  l.revoked = [this, number](partition_id p, bool lost) {
    caf::anon_send(supervising, atom::revoked_v, number, std::uint64_t{to_index(p)}, lost);
  };
  l.halted = [this, number](partition_id p, std::string why) {
    if (settings.exit_at_end) // there will be no end
      fail("partition " + all->sources[number].name + "/" + std::to_string(to_index(p)) + ": " + why);
    caf::anon_send(supervising, atom::halted_v, number, std::uint64_t{to_index(p)}, std::move(why));
  };
  l.grown = [this](std::uint32_t) { grown = true; };
  return l;
}

bool platform::impl::finished() const {
  if (!running)
    return false;
  for (const auto& s : boards->sources)
    for (const auto& p : s->partitions)
      if (!p->ended)
        return false;
  for (const auto& v : boards->views)
    if (!v->finished)
      return false;
  // Sealed rows must be with their sinks; event sinks and mirrors are emptied by the drain.
  for (std::size_t i = 0; i < all->sinks.size(); ++i) {
    const auto& s = all->sinks[i];
    if (s.feed != sink_feed::sealed_rows)
      continue;
    for (const auto& v : boards->views)
      if (v->name == s.views.front() && boards->sinks[i]->sealed < v->newest_sealed)
        return false;
  }
  return true;
}

std::string platform::impl::shut_down() {
  starter = {}; // asks it to stop, and waits
  if (data && data->lost()) {
    // Another process serves by now; whatever we would still do is refused, and waiting for it helps nobody.
    std::fprintf(stderr, "%s\n", failure.c_str());
    ::_exit(1);
  }
  for (auto& r : runners)
    r->stop();
  if (supervising) {
    auto grace = milliseconds_of(engine().time("shutdown", std::chrono::seconds{10}));
    caf::anon_send(supervising, atom::drain_v);
    caf::scoped_actor self{*system};
    auto ended = false;
    self->monitor(supervising);
    self->receive([&](const caf::down_msg&) { ended = true; }, caf::after(grace) >> [] {});
    *stopping = true; // whoever still retries gives up
    if (!ended) {
      // Sinks that can't deliver: what they have not got is replayed at the next start.
      self->receive([&](const caf::down_msg&) { ended = true; },
                    caf::after(std::chrono::seconds{1}) >> [] {});
      if (!ended) {
        auto why = "the shutdown took longer than " + format_config_duration(grace) +
                   "; the next start replays the rest";
        for (const auto& [place, text] : boards->problems())
          why += "\n  " + place + ": " + text;
        fail(std::move(why));
        std::fprintf(stderr, "%s\n", failure.c_str());
        ::_exit(1); // durable state is consistent at any moment; waiting for ever is worse
      }
    }
    supervising = nullptr;
  }
  for (auto& h : handles)
    h = nullptr;
  runners.clear();
  system.reset();
  server.reset();
  std::lock_guard lock{mutex};
  return failure;
}

} // namespace tidemill
