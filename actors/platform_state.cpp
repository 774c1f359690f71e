// From a data folder to open sources.
#include "actors/platform_impl.hpp"

#include "actors/kept_rows.hpp"
#include "actors/state_check.hpp"
#include "storage/disk_file.hpp"
#include "storage/log/data_layout.hpp"

#include <cstdlib>
#include <set>

namespace tidemill {
namespace {

/// Of the last start that could write one; 0 if there is none.
std::uint64_t stored_epoch(const std::filesystem::path& state) {
  auto text = read_file(state / "EPOCH", 64);
  return text ? std::strtoull(text->c_str(), nullptr, 10) : 0;
}

std::uint64_t epoch_after(std::uint64_t last) {
  auto seconds = static_cast<std::uint64_t>(wall_now().time_since_epoch() / std::chrono::seconds{1});
  return std::max(last, seconds) + 1;
}

} // namespace

/// Takes the data folder, unless another process holds it: then we are its standby.
status platform::impl::join_data() {
  lease_settings lease;
  lease.term = milliseconds_of(engine().time("lease", lease.term));
  auto joined = data_candidate::join(settings.data, wall_now(), lease);
  if (!joined && joined.error().code() == errc::io)
    return error{errc::io, joined.error().text() + "; choose another folder with --data"};
  TIDEMILL_TRY(candidate, std::move(joined));
  auto taken = candidate->try_take();
  if (!taken && taken.error().code() != errc::full)
    return taken.error();
  if (taken)
    data = std::move(*taken);
  else
    show_full_disk(taken.error()); // it is tried again as long as there is no room
  return {};
}

void platform::impl::show_room() {
  if (disk_is_full.exchange(false))
    boards->problem("the disk of " + settings.data.string(), "");
}

/// Nothing can be written, but what is final can be read.
void platform::impl::show_full_disk(const error& why) {
  if (disk_is_full.exchange(true))
    return; // said once: each attempt would name another file
  boards->problem("the disk of " + settings.data.string(), why.text());
  shown_unheld = !data;
  const auto state = data ? data->path() : current_state_folder(settings.data);
  std::map<std::string, std::size_t> partitions;
  if (auto store = checkpoint_store::open(state / "checkpoints"))
    if (auto saved = (*store)->histories())
      for (const auto& h : *saved)
        ++partitions[h.key.substr(0, h.key.rfind('/'))];
  for (std::size_t s = 0; s < all->sources.size(); ++s)
    show_kept_rows(s, std::max<std::size_t>(1, partitions[all->sources[s].name]), state,
                   "the disk is full: these rows are final, newer ones follow when there is room");
}

/// A step of the start that may be repeated: until there is room for it.
status platform::impl::when_room(const std::stop_token& stop, const std::function<status()>& step) {
  for (;;) {
    auto done = step();
    if (done || done.error().code() != errc::full) {
      show_room();
      return done;
    }
    show_full_disk(done.error());
    enter(phase::waiting);
    for (int i = 0; i < 25 && !stop.stop_requested(); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds{10});
    if (stop.stop_requested())
      return error{errc::unavailable, "stopped while the disk was full"};
  }
}

/// Until the folder is ours. What fails meanwhile is shown and tried again.
status platform::impl::stand_by(const std::stop_token& stop) {
  const auto every = std::clamp(milliseconds_of(engine().time("lease", std::chrono::seconds{5})) / 8,
                                std::chrono::milliseconds{10}, std::chrono::milliseconds{250});
  while (!data) {
    if (!disk_is_full)
      boards->problem("standby", "this process is the standby of " + candidate->holder() + ", which holds " +
                                     settings.data.string());
    enter(phase::waiting);
    for (auto until = std::chrono::steady_clock::now() + every;
         std::chrono::steady_clock::now() < until && !stop.stop_requested();)
      std::this_thread::sleep_for(std::min(every, std::chrono::milliseconds{20}));
    if (stop.stop_requested())
      return error{errc::unavailable, "stopped while it was a standby"};
    auto taken = candidate->try_take();
    if (!taken && taken.error().code() == errc::full) {
      boards->problem("standby", "");
      show_full_disk(taken.error());
      continue;
    }
    if (!taken && taken.error().code() != errc::io)
      return taken.error();
    show_room();
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
  if (!report.stale.empty()) { // checkpoints may be among what is gone
    TIDEMILL_TRY(checkpoints, checkpoint_store::open(folder));
  }
  TIDEMILL_TRY(auto letters, data->subfolder("dead_letters"));
  TIDEMILL_TRY(dead_letters, dead_letter_log::open(letters));
  tables = std::make_unique<table_shelf>(
      *all, base_folder(all->written), data->path(), [this](const std::string& name) {
        auto v = std::ranges::find(views, name, [](const running_view& r) { return r.plan->name; });
        return v->cell->load();
      });
  data_open = true;
  return {};
}

/// While a source can't be opened its views can't run, but what is final is known. Under an epoch of its own:
/// positions in these rows mean nothing later.
void platform::impl::show_kept_rows(std::size_t s, std::size_t partitions, const std::filesystem::path& state,
                                    const std::string& why) {
  if (epoch == 0 && data)
    (void)choose_epoch(); // one for all that is waited for; the start will meet an error again, and say it
  if (epoch == 0)
    epoch = epoch_after(stored_epoch(state));
  for (auto& v : views) {
    if (v.source != s)
      continue;
    auto kept =
        kept_rows(all, s, v.index, partitions, view_log_folder(state, *v.plan), epoch, {"", why, wall_now()});
    if (kept && *kept)
      v.cell->store(std::move(*kept));
  }
}

result<made_source> platform::impl::make_input(std::size_t s) {
  const auto& source = all->sources[s];
  if (!source.exchange)
    return make_source(source, {all->written.name, base_folder(all->written), *data});
  TIDEMILL_TRY(exchanges[s], open_exchange(*all, s, numbered, data->path()));
  return made_source{std::make_unique<exchange_source>(exchanges[s]), nullptr, {}};
}

/// Waits for what the source needs, however long that takes, and says so meanwhile.
status platform::impl::open_source(std::size_t s, const std::stop_token& stop) {
  const auto& source = all->sources[s];
  const auto place = "sources." + source.name;
  auto& shown = *boards->sources[s];
  made_source made;
  TIDEMILL_CHECK(when_room(stop, [&]() -> status {
    TIDEMILL_TRY(made, make_input(s));
    return {};
  }));
  for (auto tries = 0;; ++tries) {
    auto there = made.source->open(std::chrono::milliseconds{500});
    if (there)
      break;
    if (there.error().code() != errc::unavailable && there.error().code() != errc::full)
      return there.error().in(place);
    boards->problem(place, there.error().text());
    if (tries == 1)
      show_kept_rows(s, made.source->partitions(), data->path(),
                     "source " + source.name + " isn't open yet: these rows are final, newer ones follow");
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
    for (const auto& stream : source.streams)
      for (const auto& step : stream.states)
        shown.partitions[p]->steps.emplace_back(step.name);
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
  TIDEMILL_CHECK(when_room(stop, [&]() -> status {
    TIDEMILL_TRY(auto folder, data->subfolder("sources"));
    return {};
  }));
  for (std::size_t s = 0; s < all->sources.size(); ++s) {
    TIDEMILL_CHECK(open_source(s, stop));
    const auto& source = all->sources[s];
    numbered.push_back(
        {source.name, base, opened[s]->partitions(), identity_at_sinks(source, *opened[s], *data)});
    base += opened[s]->partitions();
  }
  return {};
}

/// The incarnation of what is published: higher than any before, as far as anybody remembers.
status platform::impl::choose_epoch() {
  auto last = std::max(epoch, stored_epoch(data->path()));
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
  epoch = epoch_after(last);
  return replace_file(data->path() / "EPOCH", std::to_string(epoch) + "\n");
}

} // namespace tidemill
