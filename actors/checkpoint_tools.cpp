#include "actors/checkpoint_tools.hpp"

#include "actors/state_check.hpp"
#include "pipeline/plan.hpp"
#include "storage/checkpoint/checkpoint_store.hpp"
#include "storage/log/data_layout.hpp"

#include <algorithm>
#include <cstdio>
#include <map>
#include <vector>

namespace tidemill {
namespace {

constexpr std::size_t shown_id = 12;

std::string bytes_text(std::uint64_t bytes) {
  char text[32];
  if (bytes < 10'000)
    std::snprintf(text, sizeof text, "%llu B", static_cast<unsigned long long>(bytes));
  else if (bytes < 10'000'000)
    std::snprintf(text, sizeof text, "%.1f kB", static_cast<double>(bytes) / 1e3);
  else
    std::snprintf(text, sizeof text, "%.1f MB", static_cast<double>(bytes) / 1e6);
  return text;
}

std::string age_text(event_time then, event_time now) {
  auto seconds = std::chrono::duration<double>(now - then).count();
  char text[32];
  if (seconds < 120)
    std::snprintf(text, sizeof text, "%.1f s", std::max(0.0, seconds));
  else if (seconds < 7200)
    std::snprintf(text, sizeof text, "%.0f min", seconds / 60);
  else
    std::snprintf(text, sizeof text, "%.0f h", seconds / 3600);
  return text;
}

/// Columns as wide as their widest cell; the last one runs free.
std::string table(const std::vector<std::vector<std::string>>& lines) {
  std::vector<std::size_t> widths;
  for (const auto& line : lines) {
    widths.resize(std::max(widths.size(), line.size()));
    for (std::size_t i = 0; i < line.size(); ++i)
      widths[i] = std::max(widths[i], line[i].size());
  }
  std::string out;
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i)
      out += i + 1 < line.size() ? line[i] + std::string(widths[i] - line[i].size() + 2, ' ') : line[i];
    out += '\n';
  }
  return out;
}

const source_plan* find_source(const plan& p, const std::string& name) {
  auto found = std::ranges::find(p.sources, name, &source_plan::name);
  return found == p.sources.end() ? nullptr : &*found;
}

const view_plan* find_view(const plan& p, const std::string& name) {
  for (const auto& s : p.sources)
    if (auto found = std::ranges::find(s.views, name, &view_plan::name); found != s.views.end())
      return &*found;
  return nullptr;
}

/// Of a checkpoint's key: `clicks/3` → clicks.
const source_plan* source_of(const plan& p, const std::string& key) {
  return find_source(p, key.substr(0, key.rfind('/')));
}

std::string verdict(const plan& p, const std::string& key, const std::string& part, const std::string& id) {
  const auto* source = source_of(p, key);
  auto now = source == nullptr ? std::map<std::string, std::string>{} : state_identities(*source);
  auto found = now.find(part);
  return found == now.end()    ? "not in the file"
         : found->second == id ? "as in the file"
                               : "the file has another definition";
}

result<std::vector<checkpoint_store::history>> read(const std::filesystem::path& data) {
  auto folder = current_state_folder(data) / "checkpoints";
  std::error_code failed;
  if (!std::filesystem::is_directory(data, failed))
    return error{errc::io,
                 "there is no data folder " + data.string() + "; name the one of the pipeline with --data"};
  TIDEMILL_TRY(auto store, checkpoint_store::open(folder));
  return store->histories();
}

std::uint64_t bytes_of(const checkpoint_store::kept& k) {
  std::uint64_t n = 0;
  for (const auto& l : k.layers)
    n += l.bytes();
  return n;
}

std::string states_line(const plan& p, const std::string& key, const checkpoint_store::kept& k) {
  std::string out;
  for (const auto& [part, id] : k.head.state_ids) {
    auto what = verdict(p, key, part, id);
    out += (out.empty() ? "" : ", ") + part + ' ' + id.substr(0, shown_id) +
           (what == "as in the file" ? "" : " (" + what + ")");
  }
  return out;
}

std::string sink_name(const plan& p, const std::string& number) {
  for (std::size_t i = 0; i < p.sinks.size(); ++i)
    if (std::to_string(i) == number)
      return p.sinks[i].settings.name.text;
  return number == std::to_string(p.sinks.size()) ? "dead letters" : "number " + number;
}

/// One checkpoint as `name: value` lines.
std::string details(const plan& p, const std::string& key, const checkpoint_store::kept& k, event_time now) {
  std::vector<std::vector<std::string>> lines;
  auto add = [&](std::string name, std::string text) {
    lines.push_back({"  " + std::move(name), std::move(text)});
  };
  std::string title = "checkpoint " + std::to_string(k.number) + (k.newest ? ", the newest" : "") + '\n';
  if (!k.damage.empty())
    return title + "  damaged: " + k.damage + '\n';
  add("saved", format_rfc3339(k.saved) + ", " + age_text(k.saved, now) + " ago");
  add("offset", std::to_string(k.head.at));
  if (k.head.mark)
    add("last record", "offset " + std::to_string(k.head.mark->at) + ", checked when it goes on");
  add("input", k.head.source);
  add("journal", "from entry " + std::to_string(k.head.journal));
  for (const auto& [part, id] : k.head.state_ids)
    add("state " + part, id + ", " + verdict(p, key, part, id));
  for (const auto& [sink, upto] : k.head.sinks)
    add("sink " + sink_name(p, sink), "holds everything below offset " + std::to_string(upto));
  const auto* source = source_of(p, key);
  for (std::size_t i = 0; i < k.head.tables.size(); ++i)
    add("table " + (source != nullptr && i < source->tables.size() ? source->tables[i] : std::to_string(i)),
        "version " + (k.head.tables[i].empty() ? "none" : k.head.tables[i]));
  std::uint64_t entries = 0, packs = 0;
  for (const auto& l : k.layers) {
    entries += l.entries;
    packs += l.packs.size();
  }
  add("stored", bytes_text(bytes_of(k)) + " in " + std::to_string(packs) + " packs, " +
                    std::to_string(entries) + " entries with those overwritten since");
  for (const auto& l : k.layers)
    add("layer", "changes up to offset " + std::to_string(l.ranges.empty() ? 0 : l.ranges.back().upto) +
                     ": " + std::to_string(l.entries) + " entries, " + bytes_text(l.bytes()));
  return title + table(lines);
}

} // namespace

result<std::string> list_checkpoints(const plan& p, const std::filesystem::path& data, event_time now) {
  TIDEMILL_TRY(auto all, read(data));
  std::vector<std::vector<std::string>> lines{{"PARTITION", "NUMBER", "OFFSET", "AGE", "STORED", "STATE"}};
  for (const auto& h : all)
    for (const auto& k : h.checkpoints) {
      auto number = std::to_string(k.number) + (k.newest ? "*" : "");
      if (k.damage.empty())
        lines.push_back({h.key, number, std::to_string(k.head.at), age_text(k.saved, now),
                         bytes_text(bytes_of(k)), states_line(p, h.key, k)});
      else
        lines.push_back({h.key, number, "-", "-", "-", "damaged: " + k.damage});
    }
  if (lines.size() == 1)
    return "no checkpoints in " + data.string() + '\n';
  return table(lines) + "* the newest of its partition\n";
}

result<std::string> show_checkpoints(const plan& p, const std::filesystem::path& data,
                                     const std::string& partition, event_time now) {
  TIDEMILL_TRY(auto all, read(data));
  auto found = std::ranges::find(all, partition, &checkpoint_store::history::key);
  if (found == all.end() || found->checkpoints.empty()) {
    std::string known;
    for (const auto& h : all)
      known += (known.empty() ? "" : ", ") + h.key;
    return error{errc::out_of_range, "no checkpoint of partition " + partition + " in " + data.string() +
                                         (known.empty() ? "" : "; there are those of " + known)};
  }
  auto out = "partition " + partition + " in " + found->place + '\n';
  for (const auto& k : found->checkpoints)
    out += details(p, partition, k, now);
  return out;
}

namespace {

std::string source_holding(const plan& p, const view_plan& v) {
  for (const auto& s : p.sources)
    if (std::ranges::find(s.views, v.name, &view_plan::name) != s.views.end())
      return s.name;
  return {};
}

void compare_view(const plan& before, const view_plan& old, const plan& after, state_changes& out) {
  auto line = [&](bool lost, const std::string& text) {
    out.text += (lost ? "lost    " : "kept    ") + text + '\n';
    out.loses |= lost;
  };
  auto where = "view " + old.name;
  const auto* now = find_view(after, old.name);
  if (now == nullptr) {
    for (const auto& s : after.sources)
      for (const auto& v : s.views)
        if (v.state_id == old.state_id && v.rows_id == old.rows_id && find_view(before, v.name) == nullptr) {
          out.text += "renamed " + where + " → " + v.name +
                      ": the same state under another name; state is stored by name, so " + v.name +
                      " starts empty. Keep the name to keep the state\n";
          out.loses = true;
          return;
        }
    const auto asleep = find_source(after, source_holding(before, old)) == nullptr;
    out.text += "removed " + where +
                (asleep ? ": its state stays in the data folder, as that of its source\n"
                        : ": its state is dropped\n");
    out.loses |= !asleep;
  } else if (source_holding(before, old) != source_holding(after, *now)) {
    line(true, where + ": it reads source " + source_holding(after, *now) + " now, its windows start anew");
  } else if (now->state_id != old.state_id) {
    line(true, where +
                   ": what goes into its windows has changed (keys, filters, steps, aggregates, time); they "
                   "start anew, earlier rows are dropped");
  } else if (now->rows_id != old.rows_id) {
    line(true, where +
                   ": its rows are made otherwise (columns, scores, windows); they start anew, earlier rows "
                   "are dropped");
  } else {
    line(false, where);
  }
}

std::map<std::string, std::string> step_ids(const plan& p) {
  std::map<std::string, std::string> all;
  for (const auto& source : p.sources)
    for (const auto& stream : source.streams)
      for (const auto& state : stream.states)
        all[state.name] = source.name + ' ' + state.id;
  return all;
}

void compare_steps(const plan& before, const plan& after, state_changes& out) {
  auto old = step_ids(before), now = step_ids(after);
  for (const auto& [name, id] : old)
    if (auto found = now.find(name); found == now.end()) {
      const auto asleep = find_source(after, id.substr(0, id.find(' '))) == nullptr;
      out.text += "removed step " + name +
                  (asleep ? ": what it knows stays in the data folder, as the state of its source\n"
                          : ": what it knows is dropped\n");
      out.loses |= !asleep;
    } else if (found->second == id) {
      out.text += "kept    step " + name + '\n';
    } else {
      out.text += "lost    step " + name + ": it was changed, or what comes before it; it starts anew\n";
      out.loses = true;
    }
  for (const auto& [name, id] : now)
    if (!old.contains(name))
      out.text += "new     step " + name + ": starts empty, it doesn't know earlier events\n";
}

} // namespace

state_changes compare_state(const plan& before, const plan& after) {
  state_changes out;
  for (const auto& s : before.sources) {
    const auto* now = find_source(after, s.name);
    if (now == nullptr)
      out.text += "removed source " + s.name + ": nothing reads on from its offsets\n";
    else if (now->settings.type != s.settings.type) {
      out.text += "refused source " + s.name + ": it was of type " + s.settings.type + ", now " +
                  now->settings.type +
                  "; offsets of one input mean nothing in another. Use another name, or "
                  "another --data folder\n";
      out.loses = true;
    } else
      out.text += "kept    source " + s.name + ": goes on from its offsets, if it is the same input\n";
  }
  for (const auto& s : before.sources)
    for (const auto& v : s.views)
      compare_view(before, v, after, out);
  for (const auto& s : after.sources) {
    if (find_source(before, s.name) == nullptr)
      out.text += "new     source " + s.name + ": begins at its start\n";
    for (const auto& v : s.views)
      if (find_view(before, v.name) == nullptr)
        out.text += "new     view " + v.name + ": starts empty, it doesn't see earlier events\n";
  }
  compare_steps(before, after, out);
  return out;
}

} // namespace tidemill
