#include "actors/state_check.hpp"

#include "event/hash.hpp"
#include "storage/checkpoint/manifest.hpp"

#include <algorithm>
#include <set>

namespace tidemill {

std::filesystem::path view_log_folder(const std::filesystem::path& data, const view_plan& v) {
  return data / "views" / v.name / (v.state_id.substr(0, 12) + "-" + v.rows_id.substr(0, 12));
}

std::filesystem::path exchange_folder(const std::filesystem::path& data, const source_plan& s) {
  return data / "exchange" / s.name / s.exchange->id.substr(0, 12);
}

std::string state_identity(const view_plan& v) {
  return content_id(v.state_id + v.rows_id);
}

std::map<std::string, std::string> state_identities(const source_plan& s) {
  std::map<std::string, std::string> all;
  for (const auto& view : s.views)
    all[view.name] = state_identity(view);
  for (const auto& stream : s.streams)
    for (const auto& state : stream.states)
      all[state.name] = state.id;
  return all;
}

std::string checkpoint_key(const std::string& source, std::size_t partition) {
  return source + "/" + std::to_string(partition);
}

namespace {

/// Of any partition of the source that has one here.
const checkpoint* newest_checkpoint(const std::vector<checkpoint_store::history>& all,
                                    const std::string& source) {
  for (const auto& h : all)
    if (h.key.substr(0, h.key.rfind('/')) == source)
      for (const auto& k : h.checkpoints)
        if (k.damage.empty())
          return &k.head;
  return nullptr;
}

void check_step(const step_state_plan& step, const checkpoint* saved, state_report& report) {
  auto where = "step " + step.name;
  if (saved == nullptr)
    return report.fresh.push_back(where + ": starts empty");
  if (auto before = saved->state_ids.find(step.name); before == saved->state_ids.end())
    report.fresh.push_back(where + ": starts empty, from offset " + std::to_string(saved->at) +
                           " on: it doesn't know earlier events");
  else if (before->second == step.id)
    report.restored.push_back(where + ": restored");
  else
    report.lost.push_back(where + " was changed, or what comes before it: it starts anew from here on and "
                                  "doesn't know earlier events");
}

/// What the workers of an exchange leave.
void drop_workers(const std::string& exchange, const std::filesystem::path& data, state_report& report) {
  std::error_code ignored;
  report.stale.push_back(data / "journal" / exchange);
  report.stale.push_back(data / "at_work" / exchange);
  const auto prefix = safe_name(exchange + '/');
  if (std::filesystem::is_directory(data / "checkpoints", ignored))
    for (const auto& entry : std::filesystem::directory_iterator{data / "checkpoints", ignored})
      if (entry.path().filename().string().starts_with(prefix))
        report.stale.push_back(entry.path());
}

/// A log of other events is of no use, and neither is what was made of it.
void check_exchange(const source_plan& source, const std::filesystem::path& data, state_report& report) {
  std::error_code ignored;
  const auto mine = exchange_folder(data, source);
  if (!std::filesystem::is_directory(mine.parent_path(), ignored))
    return;
  auto others = false;
  for (const auto& entry : std::filesystem::directory_iterator{mine.parent_path(), ignored})
    if (entry.path() != mine) {
      others = true;
      report.stale.push_back(entry.path());
    }
  if (!others || std::filesystem::exists(mine, ignored))
    return;
  report.lost.push_back("exchange " + source.name +
                        " was changed, or what comes before it: what lies in its log is dropped");
  drop_workers(source.name, data, report);
}

/// Views and steps of these names have state, or will have.
std::set<std::string> names_in(const plan& p) {
  std::set<std::string> names;
  for (const auto& source : p.sources)
    for (const auto& [name, id] : state_identities(source))
      names.insert(name);
  return names;
}

/// Exchanges that were there and are none of the plan any more.
std::set<std::string> removed_exchanges(const plan& p, const std::filesystem::path& data,
                                        state_report& report) {
  std::set<std::string> removed;
  std::error_code ignored;
  if (!std::filesystem::is_directory(data / "exchange", ignored))
    return removed;
  for (const auto& entry : std::filesystem::directory_iterator{data / "exchange", ignored}) {
    const auto name = entry.path().filename().string();
    if (std::ranges::any_of(p.sources, [&](const source_plan& s) { return s.exchange && s.name == name; }))
      continue;
    auto logs = std::filesystem::directory_iterator{entry.path(), ignored};
    if (logs == std::filesystem::directory_iterator{})
      continue; // its name alone is kept: a log that comes later has higher offsets than it had
    removed.insert(name);
    report.lost.push_back("exchange " + name + " is no longer in the file: what lies in its log is dropped");
    for (const auto& log : logs)
      report.stale.push_back(log.path());
    drop_workers(name, data, report);
  }
  return removed;
}

/// What is in the data folder and no longer in the plan. It can't be left lying: if it came back later it
/// would lack the events in between. Only what belongs to a source that isn't there either stays as it is,
/// and goes on with it.
void check_removed(const plan& p, const std::filesystem::path& data,
                   const std::vector<checkpoint_store::history>& histories, state_report& report) {
  const auto names = names_in(p);
  const auto exchanges = removed_exchanges(p, data, report);
  std::set<std::string> removed, asleep;
  for (const auto& h : histories) {
    const auto source = h.key.substr(0, h.key.rfind('/'));
    const auto here = exchanges.contains(source) ||
                      std::ranges::find(p.sources, source, &source_plan::name) != p.sources.end();
    for (const auto& k : h.checkpoints)
      for (const auto& [name, id] : k.head.state_ids)
        if (!names.contains(name))
          (here ? removed : asleep).insert(name);
  }
  std::error_code ignored;
  if (std::filesystem::is_directory(data / "views", ignored))
    for (const auto& entry : std::filesystem::directory_iterator{data / "views", ignored})
      if (auto view = entry.path().filename().string(); !names.contains(view) && !asleep.contains(view)) {
        removed.erase(view);
        report.lost.push_back("view " + view +
                              " is no longer in the file: its rows and open windows are dropped; under its "
                              "old name it would go on");
        report.stale.push_back(entry.path());
      }
  for (const auto& step : removed)
    if (step.find('/') != std::string::npos)
      report.lost.push_back("step " + step + " is no longer in the file: what it knows is dropped");
}

} // namespace

state_report check_state(const plan& p, const std::filesystem::path& data, checkpoint_store& checkpoints) {
  state_report report;
  if (auto histories = checkpoints.histories()) {
    for (const auto& source : p.sources)
      for (const auto& stream : source.streams)
        for (const auto& step : stream.states)
          check_step(step, newest_checkpoint(*histories, source.name), report);
    check_removed(p, data, *histories, report);
  }
  std::error_code ignored;
  for (const auto& source : p.sources)
    if (source.exchange)
      check_exchange(source, data, report);
  for (const auto& source : p.sources)
    for (const auto& view : source.views) {
      auto folder = view_log_folder(data, view);
      auto mine = std::filesystem::exists(folder, ignored);
      auto others = false;
      if (std::filesystem::is_directory(data / "views" / view.name, ignored))
        for (const auto& entry : std::filesystem::directory_iterator{data / "views" / view.name, ignored})
          if (entry.path() != folder) {
            others = true;
            report.stale.push_back(entry.path());
          }
      auto where = "view " + view.name;
      if (mine)
        report.restored.push_back(where + ": restored");
      else if (others)
        report.lost.push_back(where +
                              " was changed: its windows start anew from here on, earlier rows are dropped");
      else
        report.fresh.push_back(where + ": starts empty");
      std::vector<std::string> warnings;
      auto saved = checkpoints.load(checkpoint_key(source.name, 0), warnings);
      if (!saved || !*saved || others)
        continue;
      auto id = (*saved)->state_ids.find(view.name);
      if (!mine && id != (*saved)->state_ids.end())
        report.lost.push_back(where + ": its log is gone from " + folder.string() +
                              " though checkpoints rely on it");
      else if (!mine)
        report.fresh.back() +=
            ", from offset " + std::to_string((*saved)->at) + " on: it doesn't see earlier events";
    }
  return report;
}

} // namespace tidemill
