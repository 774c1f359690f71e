#include "actors/platform.hpp"

#include "actors/components.hpp"
#include "actors/publisher.hpp"
#include "actors/sinks.hpp"
#include "actors/source.hpp"
#include "actors/state_check.hpp"
#include "actors/status.hpp"
#include "actors/supervisor.hpp"
#include "actors/view.hpp"
#include "actors/worker.hpp"
#include "http/server.hpp"
#include "http/spec.hpp"
#include "pipeline/row_filter.hpp"
#include "storage/disk_file.hpp"
#include "storage/log/data_layout.hpp"
#include "storage/log/data_lock.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <map>
#include <set>
#include <thread>
#include <unistd.h>

namespace tidemill {
namespace {

event_time wall_now() {
  return std::chrono::time_point_cast<microseconds>(std::chrono::system_clock::now());
}

std::chrono::milliseconds milliseconds_of(microseconds t) {
  return std::max(std::chrono::milliseconds{1}, std::chrono::duration_cast<std::chrono::milliseconds>(t));
}

struct system_config : caf::actor_system_config {
  explicit system_config(std::size_t threads) {
    set("scheduler.policy", caf::atom("sharing"));
    set("scheduler.max-threads", threads);
    set("scheduler.max-throughput", std::size_t{50});
    add_message_types<caf::id_block::tidemill>();
  }
};

/// Deletes a folder of its own at the end: for tables that are only looked at.
struct scratch_folder {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("tidemill-check-" + std::to_string(::getpid()));
  ~scratch_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
};

bool takes_sealed_rows(const sink_plan& s, const std::string& view) {
  return s.feed == sink_feed::sealed_rows && std::ranges::find(s.views, view) != s.views.end();
}

struct running_view {
  std::size_t source = 0, index = 0;
  const view_plan* plan = nullptr;
  std::shared_ptr<view_cell> cell;
};

} // namespace

std::shared_ptr<const plan> compile(const definition& d, std::vector<diagnostic>& faults) {
  scratch_folder scratch;
  auto columns = [&](const component& c) -> result<schema> {
    auto store = make_table(c, base_folder(d), scratch.path / c.name.text);
    auto latest = store->latest();
    if (!latest)
      return latest.error();
    return (*latest)->columns();
  };
  return compile_plan(d, columns, faults);
}

std::string describe(const plan& p, const std::filesystem::path& data) {
  std::string out;
  for (const auto& s : p.sources) {
    out += "source " + s.name + ": " + s.settings.type + ", format " + s.format.name +
           ", out of order up to " + format_config_duration(s.out_of_order) +
           (s.idle ? ", idle after " + format_config_duration(*s.idle) : "") + '\n';
    for (const auto& stream : s.streams)
      if (stream.parent)
        out += "  stream " + stream.name + ": from " + s.streams[*stream.parent].name + ", " +
               std::to_string(stream.steps.size()) + " steps, " + std::to_string(stream.fields.size()) +
               " fields\n";
    for (const auto& v : s.views) {
      const auto& w = v.window;
      out += "  view " + v.name + ": from " + s.streams[v.stream].name + ", windows of " +
             format_config_duration(w.size) +
             (w.slices > 1 ? " every " + format_config_duration(w.slide) : std::string{}) + " in " +
             std::to_string(w.slices) + (w.slices == 1 ? " slice, " : " slices, ") +
             std::to_string(v.layout->size()) + " bytes per key and slice, final " +
             format_config_duration(w.lateness + s.out_of_order) + " after their end, rows kept for " +
             format_config_duration(v.schema->retain) + '\n';
    }
  }
  for (const auto& s : p.sinks)
    out += "sink " + s.settings.name.text + ": " + s.settings.type + '\n';
  std::error_code ignored;
  auto state = data.empty() ? data : current_state_folder(data);
  if (state.empty() || !std::filesystem::exists(state / "checkpoints", ignored))
    return out + "state: none yet, everything starts empty\n";
  auto store = checkpoint_store::open(state / "checkpoints");
  if (!store)
    return out + "state: " + store.error().text() + '\n';
  auto report = check_state(p, state, **store);
  for (const auto& [what, sentences] :
       {std::pair{"restored", &report.restored}, {"new", &report.fresh}, {"lost", &report.lost}})
    for (const auto& s : *sentences)
      out += "state " + std::string{what} + ": " + s + '\n';
  return out;
}

struct platform::impl {
  impl(std::shared_ptr<const plan> p, run_settings s) : all(std::move(p)), settings(std::move(s)) {}
  ~impl() {
    starter = {};   // it uses all that follows
    server.reset(); // its answers, too
  }

  std::shared_ptr<const plan> all;
  run_settings settings;
  std::unique_ptr<data_candidate> candidate;
  std::unique_ptr<data_directory> data;
  std::unique_ptr<checkpoint_store> checkpoints;
  std::shared_ptr<dead_letter_log> dead_letters;
  std::unique_ptr<table_shelf> tables;
  std::shared_ptr<board> boards = std::make_shared<board>();
  std::shared_ptr<std::atomic<bool>> stopping = std::make_shared<std::atomic<bool>>(false);
  std::unique_ptr<http_server> server;
  std::vector<running_view> views;
  std::vector<std::unique_ptr<source_runner>> runners;
  std::vector<std::shared_ptr<ingest_log>> ingests;
  std::vector<numbered_source> numbered; ///< how sinks tell partitions of several sources apart
  std::unique_ptr<system_config> config;
  std::unique_ptr<caf::actor_system> system;
  caf::actor supervising;
  std::vector<caf::actor> handles; ///< of children, by number; touched by the supervisor alone
  std::uint64_t epoch = 0;

  mutable std::mutex mutex;
  std::string failure;
  std::atomic<bool> failed{false};
  std::map<std::string, std::pair<int, std::vector<std::string>>>
      needed_tables; ///< by checkpoint key; saver only
  std::atomic<double> events_per_second{0};

  /// Where the start is; `starter` goes on behind `waiting`.
  enum class phase : std::uint8_t { starting, waiting, running, failed };
  std::condition_variable phase_changed;
  phase now = phase::starting;
  error start_failure;
  std::atomic<bool> data_open{false}; ///< `data` and what lies in it may be used by others than the starter
  std::atomic<bool> running{false};   ///< actors are there
  std::atomic<bool> grown{false};     ///< a source has more partitions than we were built for
  std::jthread starter;

  [[nodiscard]] const options& engine() const { return all->written.engine; }

  void fail(std::string why) {
    std::lock_guard lock{mutex};
    if (failure.empty())
      failure = std::move(why);
    failed = true;
  }

  void enter(phase p, error why = {});
  status join_data();
  status stand_by(const std::stop_token& stop);
  status open_data();
  void make_boards();
  status open_sources(const std::stop_token& stop);
  status open_source(std::size_t s, const std::stop_token& stop);
  status start_engine(const std::stop_token& stop);
  status choose_epoch();
  status start_http();
  void start_actors();
  [[nodiscard]] source_runner::listener listener_of(std::size_t s);
  void serve();
  std::size_t add(std::vector<supervised>& children, supervised child);
  void add_saver(std::vector<supervised>& children);
  void add_publishers(std::vector<supervised>& children);
  [[nodiscard]] caf::actor spawn_sink(caf::event_based_actor* parent, std::size_t i,
                                      const sink_common& shown);
  void add_sinks(std::vector<supervised>& children);
  void add_views(std::vector<supervised>& children);
  void add_workers(std::vector<supervised>& children);
  void tables_needed(const std::string& key, const std::vector<std::string>& versions);
  [[nodiscard]] sink_common common(std::size_t sink, std::string name) const;
  [[nodiscard]] bool finished() const;
  [[nodiscard]] std::uint64_t events() const;
  std::string shut_down();

  // Numbers of children, by kind.
  std::size_t saver = 0;
  std::vector<std::size_t> publisher_of, view_of;     ///< by running view
  std::map<std::size_t, std::size_t> sink_of;         ///< plan's sink → child
  std::vector<std::size_t> dead_letters_of;           ///< by source
  std::vector<std::vector<std::size_t>> worker_of;    ///< by source, partition
  std::vector<std::unique_ptr<record_source>> opened; ///< before their runners take them
  std::vector<partitioner> routes;                    ///< of http sources
};

/// Takes the data folder, unless another process holds it: then we are its standby.
status platform::impl::join_data() {
  lease_settings lease;
  lease.term = milliseconds_of(engine().time("lease", lease.term));
  auto joined = data_candidate::join(settings.data, wall_now(), lease);
  if (!joined && joined.error().code() == errc::io)
    return error{errc::io, joined.error().text() + "; choose another folder with --data"};
  TIDEMILL_TRY(candidate, std::move(joined));
  TIDEMILL_TRY(data, candidate->try_take());
  return {};
}

/// Until the folder is ours. What fails meanwhile is shown and tried again.
status platform::impl::stand_by(const std::stop_token& stop) {
  const auto every = std::clamp(milliseconds_of(engine().time("lease", std::chrono::seconds{5})) / 8,
                                std::chrono::milliseconds{10}, std::chrono::milliseconds{250});
  while (!data) {
    boards->problem("standby", "this process is the standby of " + candidate->holder() + ", which holds " +
                                   settings.data.string());
    enter(phase::waiting);
    for (auto until = std::chrono::steady_clock::now() + every;
         std::chrono::steady_clock::now() < until && !stop.stop_requested();)
      std::this_thread::sleep_for(std::min(every, std::chrono::milliseconds{20}));
    if (stop.stop_requested())
      return error{errc::unavailable, "stopped while it was a standby"};
    auto taken = candidate->try_take();
    if (!taken && taken.error().code() != errc::io && taken.error().code() != errc::full)
      return taken.error();
    boards->problem(settings.data.string(), taken ? "" : taken.error().text());
    if (taken)
      data = std::move(*taken);
  }
  boards->problem("standby", "");
  return {};
}

status platform::impl::open_data() {
  candidate.reset();
  data->on_lost([this](const std::string& why) { fail(why); });
  TIDEMILL_TRY(auto folder, data->subfolder("checkpoints"));
  TIDEMILL_TRY(checkpoints, checkpoint_store::open(folder));
  auto report = check_state(*all, data->path(), *checkpoints);
  if (!report.lost.empty() && !settings.accept_loss) {
    std::string text = "the data folder " + data->path().string() + " holds state of another definition:";
    for (const auto& l : report.lost)
      text += "\n  " + l;
    return error{errc::mismatch,
                 text + "\nrun with --accept-loss to go on without it, or with another --data folder"};
  }
  for (const auto& stale : report.stale) {
    std::error_code ignored;
    std::filesystem::remove_all(stale, ignored);
  }
  TIDEMILL_TRY(auto letters, data->subfolder("dead_letters"));
  TIDEMILL_TRY(dead_letters, dead_letter_log::open(letters));
  tables = std::make_unique<table_shelf>(*all, base_folder(all->written), data->path());
  data_open = true;
  return {};
}

void platform::impl::enter(phase p, error why) {
  {
    std::lock_guard lock{mutex};
    now = p;
    start_failure = std::move(why);
  }
  phase_changed.notify_all();
}

/// What is shown, as far as the plan tells; partitions come when their sources are open.
void platform::impl::make_boards() {
  for (const auto& s : all->sources) {
    boards->sources.push_back(std::make_unique<source_board>());
    boards->sources.back()->name = s.name;
  }
  for (std::size_t s = 0; s < all->sources.size(); ++s)
    for (std::size_t v = 0; v < all->sources[s].views.size(); ++v) {
      const auto& view = all->sources[s].views[v];
      auto first = std::make_shared<view_snapshot>();
      first->schema = view.schema;
      views.push_back({s, v, &view, std::make_shared<view_cell>(std::move(first))});
      boards->views.push_back(std::make_unique<view_board>());
      boards->views.back()->name = view.name;
    }
  for (const auto& s : all->sinks) {
    boards->sinks.push_back(std::make_unique<sink_board>());
    boards->sinks.back()->name = s.settings.name.text;
  }
  for (const auto& s : all->sources) {
    boards->sinks.push_back(std::make_unique<sink_board>());
    boards->sinks.back()->name = s.name + " dead letters";
  }
  opened.resize(all->sources.size());
  ingests.resize(all->sources.size());
  routes.resize(all->sources.size());
}

/// Waits for what the source needs, however long that takes, and says so meanwhile.
status platform::impl::open_source(std::size_t s, const std::stop_token& stop) {
  const auto& source = all->sources[s];
  const auto place = "sources." + source.name;
  auto& shown = *boards->sources[s];
  TIDEMILL_TRY(auto made, make_source(source, {all->written.name, base_folder(all->written), *data}));
  for (auto tries = 0;; ++tries) {
    auto there = made.source->open(std::chrono::milliseconds{500});
    if (there)
      break;
    if (there.error().code() != errc::unavailable)
      return there.error().in(place);
    boards->problem(place, there.error().text());
    if (tries >= 1)
      enter(phase::waiting);
    for (int i = 0; i < 10 && !stop.stop_requested(); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds{10});
    if (stop.stop_requested())
      return error{errc::unavailable, "stopped while it waited for " + place};
  }
  boards->problem(place, "");
  for (std::uint32_t p = 0; p < made.source->partitions(); ++p) {
    shown.partitions.push_back(std::make_unique<partition_board>());
    if (made.source->assigns())
      shown.partitions[p]->assigned = false;
    else
      shown.partitions[p]->start = made.source->start(static_cast<partition_id>(p));
    std::vector<std::string> warnings;
    TIDEMILL_TRY(auto saved, checkpoints->load(checkpoint_key(source.name, p), warnings));
    auto identity = made.source->identity(static_cast<partition_id>(p));
    if (saved && saved->source != identity)
      return error{errc::mismatch, place + ": the checkpoint in " + data->path().string() +
                                       " belongs to another input (" + saved->source + ", now " + identity +
                                       "); use another --data folder"};
  }
  opened[s] = std::move(made.source);
  ingests[s] = std::move(made.ingest);
  routes[s] = std::move(made.partition_by);
  shown.known.store(true, std::memory_order_release);
  return {};
}

status platform::impl::open_sources(const std::stop_token& stop) {
  std::uint32_t base = 0;
  TIDEMILL_TRY(auto sources_folder, data->subfolder("sources"));
  for (std::size_t s = 0; s < all->sources.size(); ++s) {
    TIDEMILL_CHECK(open_source(s, stop));
    numbered.push_back({all->sources[s].name, base, opened[s]->partitions()});
    base += opened[s]->partitions();
  }
  return {};
}

/// The incarnation of what is published: higher than any before, as far as anybody remembers.
status platform::impl::choose_epoch() {
  auto path = data->path() / "EPOCH";
  std::uint64_t last = 0;
  if (auto text = read_file(path, 64))
    last = std::strtoull(text->c_str(), nullptr, 10);
  for (const auto& s : all->sinks) {
    auto mirror = s.feed == sink_feed::changes ? make_mirror(s, *all) : error{};
    for (const auto& v : views) {
      if (!mirror || std::ranges::find(s.views, v.plan->name) == s.views.end())
        continue;
      auto stored = (*mirror)->stored_epoch(*v.plan->schema);
      if (!stored)
        break; // away: it will refuse us if it has seen a newer epoch
      last = std::max(last, *stored);
    }
  }
  auto seconds = static_cast<std::uint64_t>(wall_now().time_since_epoch() / std::chrono::seconds{1});
  epoch = std::max(last, seconds) + 1;
  return replace_file(path, std::to_string(epoch) + "\n");
}

status platform::impl::start_http() {
  if (!all->written.serve.has("http") || server)
    return {};
  TIDEMILL_TRY(auto listening, http_server::listen(serve_settings(all->written.serve)));
  std::lock_guard lock{mutex};
  server = std::move(listening);
  serve();
  return {};
}

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

void platform::impl::tables_needed(const std::string& key, const std::vector<std::string>& versions) {
  auto& [saves, needed] = needed_tables[key];
  ++saves;
  needed = versions;
  std::size_t keys = 0;
  for (const auto& workers : worker_of)
    keys += workers.size();
  // Checkpoints of an earlier process may rely on versions that only their journal names.
  auto all_saved_twice =
      needed_tables.size() == keys &&
      std::ranges::all_of(needed_tables, [](const auto& k) { return k.second.first >= 2; });
  if (!all_saved_twice)
    return;
  std::set<std::string> used;
  for (const auto& [k, n] : needed_tables)
    used.insert(n.second.begin(), n.second.end());
  tables->keep_only(used);
}

void platform::impl::add_saver(std::vector<supervised>& children) {
  supervised child{"checkpoint writer", supervised::kind::saver, 0, 0, {}, {}};
  child.start = [this](caf::event_based_actor* parent, std::uint64_t, const suspects&) {
    return parent->spawn<caf::detached>(
        saver_actor, saver_setup{checkpoints.get(), boards,
                                 [this](const std::string& key, const std::vector<std::string>& v) {
                                   tables_needed(key, v);
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
    return parent->spawn<caf::detached>(
        mirror_actor, mirror_setup{shown, [this, &s] { return make_mirror(s, *all); }, std::move(cells)});
  }
  if (s.feed == sink_feed::sealed_rows)
    return parent->spawn<caf::detached>(
        sealed_sink_actor, sealed_sink_setup{shown, [this, &s] { return make_sealed_sink(s, *all); }});
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
                             return make_dead_letter_sink(all->sources[s], dead_letters);
                           }});
    };
    dead_letters_of.push_back(add(children, std::move(child)));
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
      fixed.checkpoints = checkpoints.get();
      fixed.sink_base = numbered[s].first;
      fixed.find_table = [this](std::size_t table, const std::string& version) {
        return tables->find(table, version);
      };
      fixed.table_versions = [this] { return tables->newest(); };
      fixed.flush = milliseconds_of(engine().time("flush", std::chrono::milliseconds{100}));
      fixed.checkpoint = milliseconds_of(engine().time("checkpoint", std::chrono::seconds{5}));
      fixed.checkpoint_bytes =
          static_cast<std::size_t>(engine().integer("checkpoint_bytes", std::int64_t{1} << 30));
      fixed.status = boards;
      fixed.ready = [this, s, id](worker_actor to, offset at, std::optional<record_mark> before) {
        runners[s]->route(id, std::move(to), at, before);
      };
      fixed.committed = [this, s, id](offset at) { runners[s]->committed(id, at); };
      fixed.release = [this, s, id](offset upto) {
        if (ingests[s])
          (void)ingests[s]->release(id, upto); // a failure costs space, not safety
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
  }
}

void platform::impl::start_actors() {
  std::vector<supervised> children;
  add_saver(children);
  add_publishers(children);
  add_sinks(children);
  add_views(children);
  add_workers(children);
  for (std::size_t s = 0; s < all->sources.size(); ++s) {
    const auto& source = all->sources[s];
    source_runner::settings runner;
    auto partitions =
        static_cast<std::int64_t>(std::max<std::size_t>(1, boards->sources[s]->partitions.size()));
    runner.bytes = std::max<std::int64_t>(256 << 10, engine().integer("memory", 256 << 20) / partitions);
    runner.max_lead = source.max_lead;
    runner.aligned = source.partition_by.has_value();
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

void platform::impl::serve() {
  server_content content;
  content.pipeline = all->written.name;
  for (const auto& v : views)
    content.views.push_back({v.plan->schema, v.cell, [schema = v.plan->schema](std::string_view where) {
                               return compile_row_filter(*schema, where);
                             }});
  for (std::size_t s = 0; s < all->sources.size(); ++s) {
    if (all->sources[s].settings.type != "http")
      continue;
    served_source source;
    source.name = all->sources[s].name;
    source.max_body =
        static_cast<std::size_t>(all->sources[s].settings.settings.integer("max_body", 16 << 20));
    source.append = [this, s, one_at_a_time = std::make_shared<std::mutex>()](
                        const std::vector<std::string_view>& records) -> result<ingest_receipt> {
      if (!boards->sources[s]->known.load(std::memory_order_acquire))
        return error{errc::unavailable, "the pipeline is starting, or this process is a standby"};
      const auto& log = ingests[s];
      const auto& route = routes[s];
      std::vector<ingest_log::incoming> incoming;
      {
        std::lock_guard lock{*one_at_a_time}; // a route keeps buffers
        for (auto bytes : records)
          incoming.push_back({route ? route({bytes, 0, 1, std::nullopt}, nullptr) : partition_id{0}, bytes});
      }
      TIDEMILL_TRY(auto ranges, log->append(wall_now(), incoming));
      ingest_receipt receipt;
      receipt.count = records.size();
      for (const auto& r : ranges)
        receipt.ranges.push_back({to_index(r.partition), {r.begin, r.end}});
      return receipt;
    };
    content.sources.push_back(std::move(source));
  }
  content.pipeline_json = [this] {
    return tidemill::pipeline_json(all->written.name, *boards, events_per_second);
  };
  content.dead_letters_json = [this](std::string_view stream, std::size_t limit) {
    std::string out = "{\"dead_letters\":[";
    auto first = true;
    if (data_open)
      for (const auto& json : dead_letters->newest(stream, limit)) {
        out += first ? "" : ",";
        first = false;
        out += json;
      }
    return out + "]}\n";
  };
  content.metrics = [this] { return metrics_text(all->written.name, *boards, server->count()); };
  content.not_ready = [this] {
    auto why = tidemill::not_ready(*boards);
    if (data_open && !data->holds())
      why.push_back("this process was paused: whether it still holds its data folder is being looked at");
    return why;
  };
  server->serve(std::move(content));
}

std::uint64_t platform::impl::events() const {
  std::uint64_t n = 0;
  for (const auto& s : boards->sources)
    for (const auto& p : s->shown())
      n += p->records;
  return n;
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
        fail("the shutdown took longer than " + format_config_duration(grace) +
             "; the next start replays the rest");
        ::_exit(failure.empty() ? 0
                                : 1); // durable state is consistent at any moment; waiting for ever is worse
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

platform::platform(std::unique_ptr<impl> i) : impl_(std::move(i)) {}

platform::~platform() {
  if (impl_)
    (void)impl_->shut_down();
}

/// What may take long: the first time that a broker is reached, or another process gives way.
status platform::impl::start_engine(const std::stop_token& stop) {
  if (!data) {
    TIDEMILL_CHECK(stand_by(stop));
    TIDEMILL_CHECK(open_data());
    TIDEMILL_CHECK(start_http()); // where the active process may have had the address
  }
  TIDEMILL_CHECK(open_sources(stop));
  TIDEMILL_CHECK(choose_epoch());
  start_actors();
  running = true;
  enter(phase::running);
  auto before = events();
  while (!stop.stop_requested()) {
    for (int tenth = 0; tenth < 10 && !stop.stop_requested(); ++tenth)
      std::this_thread::sleep_for(std::chrono::milliseconds{100});
    auto after = events();
    events_per_second = static_cast<double>(after - std::min(before, after));
    before = after;
  }
  return {};
}

result<std::unique_ptr<platform>> platform::start(std::shared_ptr<const plan> p, const run_settings& s) {
  auto i = std::make_unique<impl>(std::move(p), s);
  i->make_boards();
  TIDEMILL_CHECK(i->join_data());
  if (i->data)
    TIDEMILL_CHECK(i->open_data());
  auto listening = i->start_http();
  if (!listening && (i->data || listening.error().code() != errc::address_in_use))
    return listening.error(); // a standby's address may be the active process's
  i->starter = std::jthread{[raw = i.get()](const std::stop_token& stop) {
    auto started = raw->start_engine(stop);
    if (started || stop.stop_requested())
      return;
    raw->fail(started.error().text());
    raw->enter(impl::phase::failed, started.error());
  }};
  std::unique_lock lock{i->mutex};
  i->phase_changed.wait(lock, [&] { return i->now != impl::phase::starting; });
  if (i->now == impl::phase::failed)
    return i->start_failure;
  lock.unlock();
  return std::unique_ptr<platform>{new platform{std::move(i)}};
}

std::string platform::address() const {
  std::lock_guard lock{impl_->mutex};
  if (!impl_->server)
    return {};
  auto host = serve_settings(impl_->all->written.serve).address;
  if (host.find(':') != std::string::npos)
    host = '[' + host + ']';
  return "http://" + host + ':' + std::to_string(impl_->server->port()) + '/';
}

progress platform::now() const {
  progress p;
  p.watermark = time_max;
  for (const auto& s : impl_->boards->sources)
    for (const auto& b : s->shown()) {
      p.events += b->records;
      p.late += b->late;
      p.dead += b->dead;
      p.future += b->future;
      p.lag += b->lag;
      p.watermark = std::min(p.watermark, b->watermark_time());
    }
  if (p.watermark == time_max && !impl_->running)
    p.watermark = time_min; // no partition is known yet
  for (const auto& [place, text] : impl_->boards->problems())
    p.problems.push_back(place + ": " + text);
  return p;
}

bool platform::done() const {
  return impl_->failed || impl_->grown || (impl_->settings.exit_at_end && impl_->finished());
}

bool platform::outgrown() const {
  return impl_->grown && !impl_->failed;
}

std::string platform::stop() {
  return impl_->shut_down();
}

} // namespace tidemill
