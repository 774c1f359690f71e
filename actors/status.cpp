#include "actors/status.hpp"

#include "event/value.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

namespace tidemill {
namespace {

std::string_view state_of(const partition_board& p) {
  return p.halted      ? "halted"
         : !p.assigned ? "unassigned"
         : p.ended     ? "ended"
         : !p.running  ? "stopped"
         : p.replaying ? "recovering"
         : p.idle      ? "idle"
         : p.held_back ? "held_back"
                       : "running";
}

void append_time(std::string& out, event_time t) {
  if (t == time_min)
    out += "null";
  else
    out += '"' + format_rfc3339(t) + '"';
}

std::string number(double x) {
  auto text = std::to_string(std::isfinite(x) ? x : 0.0);
  return text;
}

} // namespace

std::string what_holds(const source_board& s) {
  const partition_board* slowest = nullptr;
  std::size_t index = 0;
  auto partitions = s.shown();
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    const auto& p = *partitions[i];
    if (!p.ended && (slowest == nullptr || p.watermark_time() < slowest->watermark_time())) {
      slowest = &p;
      index = i;
    }
  }
  if (slowest == nullptr)
    return {};
  auto who = "partition " + s.name + "/" + std::to_string(index);
  if (slowest->halted)
    return who + " holds the watermark: it is halted, see problems";
  if (!slowest->assigned)
    return who + " holds the watermark: it is not assigned to this process";
  if (!slowest->running && slowest->restarts == 0)
    return who + " holds the watermark: it begins when all sources are open";
  if (!slowest->running)
    return who + " holds the watermark: its worker has stopped and waits to be restarted";
  if (slowest->replaying)
    return who + " holds the watermark: it replays what was seen before its restart";
  auto at = slowest->watermark_time() == time_min ? " has seen no event yet"
                                                  : " stands at " + format_rfc3339(slowest->watermark_time());
  if (slowest->held_back)
    return who + " holds the watermark:" + at +
           ", and waits for its views and sinks, or for slower partitions";
  if (slowest->lag > 0)
    return who + " holds the watermark:" + at + ", " + std::to_string(slowest->lag) +
           " behind the end of its input";
  if (slowest->undecided)
    return who + " holds the watermark:" + at +
           ", and its next record is far ahead of that, or the first: three more decide whether its time "
           "counts";
  return who + " is the slowest:" + at + "; its source has nothing newer" +
         (slowest->idle ? " (idle: it follows the others)" : "");
}

namespace {

/// Of the steps that remember something.
void append_steps(std::string& out, const partition_board& p) {
  if (p.steps.empty())
    return;
  out += ",\"steps\":";
  for (auto next = '['; const auto& s : p.steps) {
    out += std::exchange(next, ',');
    out += "{\"step\":";
    append_json_string(out, s.name);
    out += ",\"keys\":" + std::to_string(s.keys) + ",\"dropped\":" + std::to_string(s.dropped) + '}';
  }
  out += ']';
}

/// What the producer promises, and whether it is so.
void append_promise(std::string& out, const partition_watch& watch) {
  auto found = watch.found();
  out += ",\"partitioned_by\":{\"fields\":";
  append_json_string(out, watch.fields());
  out += ",\"misplaced_keys\":" + std::to_string(found.keys) + ",\"breach\":";
  if (found.text.empty())
    out += "null";
  else
    append_json_string(out, found.text);
  out += '}';
}

} // namespace

std::string pipeline_json(const std::string& name, const board& b, double events_per_second) {
  std::uint64_t events = 0, late = 0, dead = 0, future = 0;
  std::string holding, partitions;
  for (const auto& s : b.sources) {
    auto held = what_holds(*s);
    if (!held.empty())
      holding += (holding.empty() ? "" : "; ") + held;
    auto shown = s->shown();
    for (std::size_t i = 0; i < shown.size(); ++i) {
      const auto& p = *shown[i];
      events += p.records;
      late += p.late;
      dead += p.dead;
      future += p.future;
      if (!partitions.empty())
        partitions += ',';
      partitions += "{\"source\":";
      append_json_string(partitions, s->name);
      partitions += ",\"partition\":" + std::to_string(i) + ",\"state\":\"" + std::string{state_of(p)} +
                    "\",\"offset\":" + std::to_string(p.position) + ",\"lag\":" + std::to_string(p.lag) +
                    ",\"watermark\":";
      append_time(partitions, p.watermark_time());
      partitions += ",\"events\":" + std::to_string(p.records) + ",\"late\":" + std::to_string(p.late) +
                    ",\"dead\":" + std::to_string(p.dead) + ",\"future\":" + std::to_string(p.future) +
                    ",\"skipped\":" + std::to_string(p.skipped) +
                    ",\"unkeyed\":" + std::to_string(p.unkeyed) + ",\"lost\":" + std::to_string(p.lost) +
                    ",\"lost_from\":";
      append_time(partitions, event_time{microseconds{p.lost_from}});
      partitions += ",\"lost_until\":";
      append_time(partitions, event_time{microseconds{p.lost_until}});
      partitions += ",\"restarts\":" + std::to_string(p.restarts) +
                    ",\"checkpoint\":" + std::to_string(p.checkpoint) +
                    ",\"panes\":" + std::to_string(p.panes);
      append_steps(partitions, p);
      partitions += '}';
    }
  }
  std::string out = "{\"name\":";
  append_json_string(out, name);
  out += ",\"events\":" + std::to_string(events) + ",\"events_per_s\":" + number(events_per_second) +
         ",\"late\":" + std::to_string(late) + ",\"dead\":" + std::to_string(dead) +
         ",\"future\":" + std::to_string(future) + ",\"holding\":";
  if (holding.empty())
    out += "null";
  else
    append_json_string(out, holding);
  out += ",\"sources\":[";
  auto first = true;
  for (const auto& s : b.sources) {
    out += first ? "{\"name\":" : ",{\"name\":";
    first = false;
    append_json_string(out, s->name);
    out += std::string{",\"open\":"} + (s->known ? "true" : "false");
    for (const auto& g : s->gauges())
      out += ",\"" + std::string{g.name} + "\":" + number(g.value);
    if (s->watch)
      append_promise(out, *s->watch);
    out += '}';
  }
  out += "],\"partitions\":[" + partitions + "],\"problems\":[";
  first = true;
  for (const auto& [place, text] : b.problems()) {
    out += first ? "{\"place\":" : ",{\"place\":";
    first = false;
    append_json_string(out, place);
    out += ",\"text\":";
    append_json_string(out, text);
    out += '}';
  }
  out += "]}\n";
  return out;
}

std::string metrics_text(const std::string& name, const board& b, const http_server::counters& http) {
  std::string out;
  auto family = [&](std::string_view metric, std::string_view kind, std::string_view help) {
    out += "# HELP tidemill_" + std::string{metric} + ' ' + std::string{help} + "\n# TYPE tidemill_" +
           std::string{metric} + ' ' + std::string{kind} + '\n';
  };
  auto sample = [&](std::string_view metric, const std::string& labels, double x) {
    out += "tidemill_" + std::string{metric} + "{pipeline=\"" + name + '"' +
           (labels.empty() ? "" : "," + labels) + "} ";
    out +=
        x == std::floor(x) && std::abs(x) < 1e15 ? std::to_string(static_cast<std::int64_t>(x)) : number(x);
    out += '\n';
  };
  auto partitions = [&](std::string_view metric, std::string_view kind, std::string_view help, auto read) {
    family(metric, kind, help);
    for (const auto& s : b.sources)
      for (std::size_t i = 0; i < s->shown().size(); ++i)
        sample(metric, "source=\"" + s->name + "\",partition=\"" + std::to_string(i) + '"',
               static_cast<double>(read(*s->shown()[i])));
  };
  using board_of = const partition_board&;
  partitions("records_total", "counter", "Records read.", [](board_of p) { return p.records.load(); });
  partitions("dead_letters_total", "counter", "Records that became dead letters.",
             [](board_of p) { return p.dead.load(); });
  partitions("late_total", "counter", "Events too late for a view.",
             [](board_of p) { return p.late.load(); });
  partitions("future_total", "counter", "Events quarantined for their time.",
             [](board_of p) { return p.future.load(); });
  partitions("skipped_total", "counter", "Tombstones passed over.",
             [](board_of p) { return p.skipped.load(); });
  partitions("unkeyed_total", "counter",
             "Events that went to a sink without a key, as its expression failed.",
             [](board_of p) { return p.unkeyed.load(); });
  partitions("lost_total", "counter", "Offsets that were gone from the source when they were due.",
             [](board_of p) { return p.lost.load(); });
  auto steps = [&](std::string_view metric, std::string_view kind, std::string_view help, auto read) {
    family(metric, kind, help);
    for (const auto& s : b.sources)
      for (std::size_t i = 0; i < s->shown().size(); ++i)
        for (const auto& step : s->shown()[i]->steps)
          sample(metric,
                 "source=\"" + s->name + "\",partition=\"" + std::to_string(i) + "\",step=\"" + step.name +
                     '"',
                 static_cast<double>(read(step)));
  };
  steps("step_dropped_total", "counter",
        "Events that a step with state took out: duplicates, and what is over a limit.",
        [](const step_board& s) { return s.dropped.load(); });
  steps("step_keys", "gauge", "Keys that a step remembers.",
        [](const step_board& s) { return s.keys.load(); });
  family("source_misplaced_keys_total", "counter",
         "Keys found in two partitions against partitioned_by; a sample.");
  for (const auto& s : b.sources)
    if (s->watch)
      sample("source_misplaced_keys_total", "source=\"" + s->name + '"',
             static_cast<double>(s->watch->found().keys));
  partitions("offset", "gauge", "Next record to read.", [](board_of p) { return p.position.load(); });
  partitions("lag", "gauge", "How far the source is ahead: bytes of files, records of logs.",
             [](board_of p) { return p.lag.load(); });
  partitions("checkpoint_offset", "gauge", "Offset of the newest checkpoint.",
             [](board_of p) { return p.checkpoint.load(); });
  partitions("panes", "gauge", "Unsealed panes held.", [](board_of p) { return p.panes.load(); });
  partitions("restarts_total", "counter", "Restarts of the worker.",
             [](board_of p) { return p.restarts.load(); });
  partitions("watermark_seconds", "gauge", "Event time that the partition has reached, seconds since 1970.",
             [](board_of p) {
               auto t = p.watermark_time();
               return t == time_min || t == time_max
                          ? 0.0
                          : static_cast<double>(t.time_since_epoch().count()) / 1e6;
             });
  std::map<std::string_view, std::vector<std::pair<std::string_view, source_gauge>>> gauges;
  for (const auto& s : b.sources)
    for (const auto& g : s->gauges())
      gauges[g.name].emplace_back(s->name, g);
  for (const auto& [gauge, of_sources] : gauges) {
    auto metric = "source_" + std::string{gauge};
    family(metric, metric.ends_with("_total") ? "counter" : "gauge", of_sources.front().second.help);
    for (const auto& [source, g] : of_sources)
      sample(metric, "source=\"" + std::string{source} + '"', g.value);
  }
  auto views = [&](std::string_view metric, std::string_view kind, std::string_view help, auto read) {
    family(metric, kind, help);
    for (const auto& v : b.views)
      sample(metric, "view=\"" + v->name + '"', static_cast<double>(read(*v)));
  };
  views("view_rows_published_total", "counter", "Row changes published.",
        [](const view_board& v) { return v.rows_published.load(); });
  views("view_windows_sealed_total", "counter", "Windows sealed.",
        [](const view_board& v) { return v.windows_sealed.load(); });
  views("view_recovering", "gauge", "1 while the view waits for its partitions.",
        [](const view_board& v) { return v.recovering ? 1 : 0; });
  family("sink_written_total", "counter", "Events or rows written.");
  for (const auto& s : b.sinks)
    sample("sink_written_total", "sink=\"" + s->name + '"', static_cast<double>(s->written));
  family("sink_failures_total", "counter", "Failed attempts to write.");
  for (const auto& s : b.sinks)
    sample("sink_failures_total", "sink=\"" + s->name + '"', static_cast<double>(s->failures));
  auto alerts = [&](std::string_view metric, std::string_view kind, std::string_view help, auto tell) {
    family(metric, kind, help);
    for (const auto& v : b.views)
      for (const auto& cell : v->alerts) {
        auto log = cell->load();
        tell(*log, "alert=\"" + log->rule->name + '"');
      }
  };
  alerts("alerts", "gauge", "Keys that are pending or firing.", [&](const auto& log, const auto& label) {
    for (auto state : {alert_state::pending, alert_state::firing})
      sample(
          "alerts", label + ",state=\"" + std::string{to_string(state)} + '"',
          static_cast<double>(std::ranges::count(log.active, state, [](const auto& e) { return e->state; })));
  });
  alerts("alert_entries_total", "counter", "Entries of the logs of alerts.",
         [&](const auto& log, const auto& label) {
           sample("alert_entries_total", label, static_cast<double>(log.end()));
         });
  alerts("alert_failures_total", "counter", "Rows for which the condition of an alert failed.",
         [&](const auto& log, const auto& label) {
           sample("alert_failures_total", label, static_cast<double>(log.failures));
         });
  family("problems", "gauge", "Places that have a problem now.");
  sample("problems", "", static_cast<double>(b.problems().size()));
  family("http_requests_total", "counter", "HTTP requests answered.");
  sample("http_requests_total", "", static_cast<double>(http.requests));
  family("websockets", "gauge", "Open WebSocket connections.");
  sample("websockets", "", static_cast<double>(http.websockets));
  family("websocket_frames_total", "counter", "WebSocket frames sent.");
  sample("websocket_frames_total", "", static_cast<double>(http.frames));
  family("websocket_merged_total", "counter", "Row changes that slow clients got merged into later ones.");
  sample("websocket_merged_total", "", static_cast<double>(http.merged));
  return out;
}

std::vector<std::string> not_ready(const board& b) {
  std::vector<std::string> why;
  for (const auto& [place, text] : b.problems())
    why.push_back(place + ": " + text);
  for (const auto& v : b.views)
    if (v->recovering)
      why.push_back("view " + v->name + " is recovering: not every partition has caught up");
  for (const auto& s : b.sources) {
    auto partitions = s->shown();
    if (partitions.empty())
      why.push_back("source " + s->name + " is not open yet");
    for (std::size_t i = 0; i < partitions.size(); ++i)
      if (const auto& p = *partitions[i]; !p.ended && !p.halted && (!p.running || p.replaying))
        why.push_back("partition " + s->name + "/" + std::to_string(i) +
                      (!p.assigned  ? " is not assigned to this process"
                       : !p.running ? " is not running"
                                    : " replays what was seen before its restart"));
  }
  return why;
}

} // namespace tidemill
