#include "actors/platform_impl.hpp"
#include "actors/scratch_folder.hpp"
#include "actors/state_check.hpp"
#include "http/spec.hpp"
#include "storage/log/data_layout.hpp"

namespace tidemill {

std::shared_ptr<const plan> compile(const definition& d, std::vector<diagnostic>& faults) {
  scratch_folder scratch{"check"};
  auto columns = [&](const component& c) -> result<schema> {
    if (c.type == "view")
      return view_table_columns(c);
    auto store = make_table(c, base_folder(d), scratch.path() / c.name.text);
    auto latest = store->latest();
    if (!latest)
      return latest.error();
    return (*latest)->columns();
  };
  return compile_plan(d, columns, faults);
}

namespace {

std::string describe_windows(const view_plan& v) {
  const auto& w = v.window;
  auto offset = w.origin > microseconds{0} ? ", offset " + format_config_duration(w.origin) : std::string{};
  if (v.schema->window == window_kind::calendar)
    return "windows by " + v.schema->calendar + " of " + v.schema->timezone + offset;
  auto slices = " in slices of " + format_config_duration(w.slice);
  if (w.kind == window_kind::session)
    return "sessions with gaps up to " + format_config_duration(w.gap) +
           (w.cut > 0 ? ", cut at multiples of " + format_config_duration(w.slice * w.cut) + offset : "") +
           slices;
  if (w.kind == window_kind::global)
    return "one row per key" + slices;
  if (w.kind == window_kind::latest)
    return "the latest event of each key";
  return "windows of " + format_config_duration(w.size) +
         (w.slices > 1 ? " every " + format_config_duration(w.slide) : std::string{}) + offset + " in " +
         std::to_string(w.slices) + (w.slices == 1 ? " slice" : " slices");
}

std::string describe_exchange(const plan& p, const source_plan& s) {
  std::string from;
  for (const auto& in : s.exchange->inputs) {
    from += (from.empty()              ? ""
             : s.exchange->join->as_of ? " as of "
                                       : " with ") +
            p.sources[in.source].streams[in.stream].name + " by";
    for (auto field : in.key)
      from += ' ' + in.fields[field].name;
  }
  return "exchange " + s.name + ": " + from + ", " + std::to_string(s.exchange->partitions) + " partitions\n";
}

std::string describe_table(const component& c) {
  const auto& o = c.settings;
  auto of = c.type == "view" ? "the rows of view " + o.text("from") + " by " + o.text("key")
                             : c.type + ' ' + o.text("path");
  return "table " + c.name.text + ": " + of + ", looked at every " +
         format_config_duration(o.time("refresh", std::chrono::seconds{10})) + '\n';
}

/// Their types, in order.
std::string describe_steps(const stream_plan& s) {
  std::string out;
  for (const auto& name : s.step_names) // `hits[2] lookup`
    out += (out.empty() ? ", " : " → ") + name.substr(name.rfind(' ') + 1);
  return out;
}

std::string describe_ends(const view_plan& v, microseconds out_of_order) {
  const auto& w = v.window;
  if (!v.schema->endless())
    return "final " +
           format_config_duration(w.lateness + out_of_order +
                                  (w.kind == window_kind::session ? w.slice : microseconds{})) +
           " after their end" + (w.kind == window_kind::session ? " at most" : "") + ", rows kept for " +
           format_config_duration(v.schema->retain);
  std::string out = "never final";
  if (v.schema->retain > microseconds{0})
    out += ", rows kept for " + format_config_duration(v.schema->retain) + " after the last event";
  if (v.max_keys > 0)
    out += ", of at most " + std::to_string(v.max_keys) + " keys";
  return out;
}

} // namespace

std::string describe(const plan& p, const std::filesystem::path& data) {
  std::string out;
  for (const auto& t : p.tables)
    out += describe_table(t);
  for (const auto& s : p.sources) {
    out += s.exchange ? describe_exchange(p, s)
                      : "source " + s.name + ": " + s.settings.type + ", format " + s.format.name +
                            ", out of order up to " + format_config_duration(s.out_of_order) +
                            (s.idle ? ", idle after " + format_config_duration(*s.idle) : "") + '\n';
    for (const auto& stream : s.streams)
      if (stream.parent)
        out += "  stream " + stream.name + ": from " + s.streams[*stream.parent].name +
               describe_steps(stream) + ", " + std::to_string(stream.fields.size()) + " fields\n";
    for (const auto& v : s.views) {
      out += "  view " + v.name + ": from " + s.streams[v.stream].name + ", " + describe_windows(v) + ", " +
             std::to_string(v.layout->size()) + " bytes per key and slice, " +
             describe_ends(v, s.out_of_order) + '\n';
      for (const auto& rule : v.alerts)
        out +=
            "  alert " + rule.schema->name + ": " + rule.schema->severity + ", over " +
            (rule.sealed ? "sealed" : "closed") + " rows of " + v.name +
            (rule.hold.count() > 0 ? ", fires after " + format_config_duration(rule.hold) : std::string{}) +
            '\n';
    }
  }
  for (const auto& s : p.sinks)
    if (!s.exchange)
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
    if (!s.promised.empty())
      boards->sources.back()->watch = std::make_unique<partition_watch>(s);
  }
  for (std::size_t s = 0; s < all->sources.size(); ++s)
    for (std::size_t v = 0; v < all->sources[s].views.size(); ++v) {
      const auto& view = all->sources[s].views[v];
      auto first = std::make_shared<view_snapshot>();
      first->schema = view.schema;
      first->partial.push_back({"", "this process is starting, or a standby", wall_now()});
      views.push_back({s, v, &view, std::make_shared<view_cell>(std::move(first)), {}, {}});
      for (const auto& rule : view.alerts) {
        auto log = std::make_shared<alert_snapshot>();
        log->rule = rule.schema;
        views.back().alerts.push_back(std::make_shared<alert_cell>(std::move(log)));
        views.back().holds.push_back(std::make_shared<alert_hold>());
      }
      boards->views.push_back(std::make_unique<view_board>());
      boards->views.back()->name = view.name;
      boards->views.back()->alerts = {views.back().alerts.begin(), views.back().alerts.end()};
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
  exchanges.resize(all->sources.size());
  routes.resize(all->sources.size());
}

std::uint64_t platform::impl::events() const {
  std::uint64_t n = 0;
  for (std::size_t s = 0; s < all->sources.size(); ++s)
    if (!all->sources[s].exchange) // they have been counted before
      for (const auto& p : boards->sources[s]->shown())
        n += p->records;
  return n;
}

/// What may take long: the first time that a broker is reached, or another process gives way.
status platform::impl::start_engine(const std::stop_token& stop) {
  if (!data)
    TIDEMILL_CHECK(stand_by(stop));
  if (!data_open)
    TIDEMILL_CHECK(when_room(stop, [&] { return open_data(); }));
  TIDEMILL_CHECK(start_http()); // where the active process may have had the address
  TIDEMILL_CHECK(open_sources(stop));
  TIDEMILL_CHECK(when_room(stop, [&] { return choose_epoch(); }));
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

platform::platform(std::unique_ptr<impl> i) : impl_(std::move(i)) {}

platform::~platform() {
  if (impl_)
    (void)impl_->shut_down();
}

result<std::unique_ptr<platform>> platform::start(std::shared_ptr<const plan> p, const run_settings& s) {
  auto i = std::make_unique<impl>(std::move(p), s);
  i->make_boards();
  TIDEMILL_CHECK(i->join_data());
  if (auto opened = i->data ? i->open_data() : status{}; !opened) {
    if (opened.error().code() != errc::full)
      return opened.error();
    i->show_full_disk(opened.error());
  }
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
  for (std::size_t s = 0; s < impl_->boards->sources.size(); ++s)
    for (const auto& b : impl_->boards->sources[s]->shown()) {
      p.events += impl_->all->sources[s].exchange ? 0 : b->records.load();
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
