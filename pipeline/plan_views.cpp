// Views, outputs and sinks of a plan.
#include "event/hash.hpp"
#include "pipeline/plan_compiler.hpp"
#include "pipeline/read_score.hpp"
#include "pipeline/row_filter.hpp"
#include "pipeline/steps/keyed.hpp"
#include "pipeline/steps/steps.hpp"

#include <algorithm>
#include <numeric>

namespace tidemill {
namespace {

constexpr std::int64_t most_slices = 10'000;

} // namespace

void plan_compiler::read_view(const view_definition& v) {
  auto path = "views." + v.name.text;
  auto fresh = new_name(v.name, "view");
  auto from = v.settings.text("from");
  auto at = places_.find(from);
  if (at == places_.end()) {
    auto known = known_streams();
    auto exists = std::ranges::find(known, from) != known.end();
    return fault(v.settings.where("from"), path + ".from",
                 exists ? "\"" + from + "\" has a fault" : "no source or stream \"" + from + "\"",
                 exists ? "" : did_you_mean(from, known));
  }
  auto& source = out_->sources[at->second.source];
  auto scope = scopes_[at->second.source][at->second.stream];
  scope.read.assign(source.fields.size() + meta_columns, false);
  view_plan out;
  out.name = v.name.text;
  out.stream = at->second.stream;
  out.out_of_order = source.out_of_order;
  std::vector<std::string> known;
  for (const auto& f : scope.fields.fields())
    known.push_back(f.name);
  auto before = faults_.size();
  for (const auto& name : v.settings.texts("by")) {
    auto field_at = scope.fields.find(name.text);
    if (!field_at) {
      fault(name.at, path + ".by", "no field \"" + name.text + "\" in " + from,
            name.text.starts_with("meta.") ? "make a field of it: `set: {…: '" + name.text + "'}`"
                                           : did_you_mean(name.text, known));
      continue;
    }
    if (!can_be_key(scope.fields[*field_at].of))
      fault(name.at, path + ".by", "a key can't be " + to_string(scope.fields[*field_at].of));
    out.by.push_back(scope.slots[*field_at]);
    scope.reads(out.by.back());
  }
  if (v.settings.has("where")) {
    out.where = compile_at({v.settings.text("where"), v.settings.where("where")}, scope.environment(),
                           path + ".where", faults_);
    if (out.where && !out.where->result().is(kind::boolean))
      fault(v.settings.where("where"), path + ".where",
            "where is a bool, this is " + to_string(out.where->result()));
    if (out.where)
      for (auto slot : out.where->slots())
        scope.reads(slot);
  }
  read_window(v, out);
  if (v.settings.has("tombstones"))
    read_tombstones(v, source, scope, out);
  if (out.window.kind == window_kind::latest)
    read_cells(v, scope, out);
  else
    read_select(v, scope, out);
  const auto sound = faults_.size() == before;
  drop_echoes(before, scope.missing);
  if (!sound || out.window.slice <= microseconds{0} || !fresh)
    return;
  for (const auto& input : out.inputs)
    for (auto slot : input.slots())
      scope.reads(slot);
  note_reads(scope, source);
  finish_schema(v, scope, out);
  read_scores(v, out);
  // What affects panes, and what affects rows beyond them.
  auto text = stream_text_[at->second.source][at->second.stream];
  for (const auto& name : v.settings.texts("by"))
    text += "\nby " + name.text;
  text += "\nwhere " + v.settings.text("where");
  text += "\nwindow " + std::to_string(out.window.slice.count()) + ' ' +
          std::to_string(out.window.lateness.count());
  if (out.window.origin > microseconds{0})
    text += " offset " + std::to_string(out.window.origin.count());
  if (out.window.gap > microseconds{0})
    text += " gap " + std::to_string(out.window.gap.count()) + ' ' + std::to_string(out.window.cut);
  if (out.max_keys > 0)
    text += " keys " + std::to_string(out.max_keys);
  if (out.window.units)
    text += " calendar " + v.settings.section("window").text("calendar") + ' ' +
            v.settings.section("window").text("timezone");
  for (std::size_t i = 0; i < out.layout->parts(); ++i) {
    const auto& reads = out.reads[i];
    text += "\nagg " + std::string{out.layout->part(i).name()} + ' ' +
            (reads.argument ? out.inputs[*reads.argument].text() : "") +
            (reads.by ? ' ' + out.inputs[*reads.by].text() : "");
  }
  for (const auto& e : out.tombstones)
    text += "\ntombstone " + e.text();
  out.state_id = content_id(text);
  text = std::to_string(out.window.slices) + ' ' + std::to_string(out.window.step);
  if (out.window.kind >= window_kind::session)
    text += " kind " + std::to_string(static_cast<int>(out.window.kind));
  for (const auto& [name, e] : v.settings.pairs("select"))
    text += '\n' + name.text + ' ' + e.text;
  for (const auto& s : out.scores)
    text += "\nscore " + s.name + ' ' + canonical(s.settings);
  if (!out.scores.empty()) // models forget a key after that
    text += "\nretain " + std::to_string(out.schema->retain.count());
  out.rows_id = content_id(text);
  source.views.push_back(std::move(out));
}

void plan_compiler::read_window(const view_definition& v, view_plan& out) {
  const auto& w = v.settings.section("window");
  auto& window = out.window;
  window.lateness = w.time("lateness");
  window.origin = w.time("offset");
  auto path = "views." + v.name.text;
  auto global = v.settings.text("window") == "global";
  auto latest = v.settings.text("window") == "latest";
  if (v.settings.has("max_keys") && !global)
    fault(v.settings.where("max_keys"), path + ".max_keys", "max_keys goes with window: global",
          "remove it: windows end, and retain says how long rows are kept");
  if (v.settings.has("score") && (global || latest || w.has("session")))
    fault(v.settings.where("score"), path + ".score",
          "a score watches windows that follow each other, those of this view "
          "don't",
          "give it a view with a size or a calendar");
  if (v.settings.has("delete") && !latest)
    fault(v.settings.where("delete"), path + ".delete", "delete goes with window: latest",
          "to leave events out, use where");
  if (global) {
    read_global(v, out);
  } else if (latest) {
    window.kind = window_kind::latest;
    window.slice = microseconds{1}; // not used: slices are of offsets
  } else if (w.has("session")) {
    window.kind = window_kind::session;
    window.size = window.slide = window.gap = w.time("session");
    // Not longer than the gap: see `session_view`. Shorter: rows are final sooner.
    constexpr auto per_gap = 4;
    window.slice = window.gap % per_gap == microseconds{0} ? window.gap / per_gap : window.gap;
    window.cut = w.time("max") / std::max(window.slice, microseconds{1});
  } else if (auto unit = find_calendar_unit(w.text("calendar"))) {
    window.kind = window_kind::calendar;
    auto zone = find_time_zone(w.text("timezone", "UTC"));
    if (!zone)
      fault(w.where("timezone"), path + ".window.timezone", zone.error().text());
    window.units.emplace(*unit, window.origin, zone ? *zone : nullptr);
    window.size = window.slide = window.slice = usual_length(*unit);
  } else {
    read_slices(v, window);
  }
  if (const auto* emit = v.settings.find("emit"))
    if (std::holds_alternative<std::shared_ptr<const options>>(emit->data))
      out.emit_every = v.settings.section("emit").time("every");
}

void plan_compiler::read_global(const view_definition& v, view_plan& out) {
  auto path = "views." + v.name.text;
  auto& window = out.window;
  window.kind = window_kind::global;
  auto keys = v.settings.integer("max_keys");
  if (!v.settings.has("retain") && !v.settings.has("max_keys"))
    fault(v.settings.where("window"), path + ".window", "a global view keeps every key for ever",
          "say what may go: retain: 30d, max_keys: 100000, or both");
  if (v.settings.has("max_keys") && keys < 1)
    fault(v.settings.where("max_keys"), path + ".max_keys", "max_keys must be at least 1");
  auto retain = v.settings.time("retain");
  if (v.settings.has("retain") && retain <= microseconds{0})
    fault(v.settings.where("retain"), path + ".retain", "retain must be longer than zero");
  out.max_keys = static_cast<std::size_t>(std::max<std::int64_t>(keys, 0));
  constexpr microseconds most = std::chrono::minutes{1};
  window.gap = retain > microseconds{0} ? retain : time_max.time_since_epoch();
  window.slice = std::clamp(window.gap / 4, microseconds{1}, most);
}

void plan_compiler::read_slices(const view_definition& v, window_plan& window) {
  const auto& w = v.settings.section("window");
  window.size = w.time("size");
  window.slide = w.has("slide") ? w.time("slide") : window.size;
  if (window.size <= microseconds{0} || window.slide <= microseconds{0})
    return; // config has said so
  window.slice = microseconds{std::gcd(window.size.count(), window.slide.count())};
  window.slices = window.size / window.slice;
  window.step = window.slide / window.slice;
  if (window.slices > most_slices)
    fault(w.where("slide"), "views." + v.name.text + ".window",
          "a window would be " + std::to_string(window.slices) + " slices of " +
              format_config_duration(window.slice) + ", more than " + std::to_string(most_slices),
          "choose a slide that divides the size, or a longer one");
}

void plan_compiler::finish_schema(const view_definition& v, const step_scope& scope, view_plan& out) {
  auto made = std::make_shared<view_schema>();
  made->name = out.name;
  for (const auto& name : v.settings.texts("by"))
    made->columns.push_back(
        {name.text, scope.fields[*scope.fields.find(name.text)].of, {}, time_format::rfc3339});
  made->by = made->columns.size();
  auto column = out.columns.begin();
  for (const auto& [name, text] : v.settings.pairs("select"))
    made->columns.push_back({name.text, (column++)->result(), {}, time_format::rfc3339});
  made->size = out.window.size;
  made->slide = out.window.slide;
  made->lateness = out.window.lateness;
  made->offset = out.window.origin;
  if (out.window.units) {
    made->calendar = v.settings.section("window").text("calendar");
    made->timezone = v.settings.section("window").text("timezone", "UTC");
  }
  made->retain = v.settings.has("retain")
                     ? v.settings.time("retain")
                     : std::max<microseconds>(100 * out.window.size, std::chrono::hours{1});
  made->window = out.window.kind;
  if (made->endless())
    made->retain = v.settings.time("retain");
  out.schema = std::move(made);
}

void plan_compiler::read_scores(const view_definition& v, view_plan& out) {
  auto made = std::make_shared<view_schema>(*out.schema);
  cel::environment names;
  names.event = false;
  for (const auto& f : made->columns)
    names.variables.push_back({f.name, f.of, names.variables.size()});
  for (const auto& [name, settings] : v.settings.sections("score")) {
    auto path = "views." + v.name.text + ".score." + name.text;
    auto score = read_score(name, *settings, names, path, faults_);
    if (!score)
      continue;
    auto taken = std::ranges::find(made->columns, name.text, &field::name) != made->columns.end();
    if (taken || is_reserved(name.text))
      fault(name.at, path, "the name \"" + name.text + "\" is taken", "choose another name");
    out.scores.push_back(std::move(*score));
    made->columns.push_back({name.text, type{kind::real, true}, {}, time_format::rfc3339});
    ++made->scores;
  }
  out.schema = std::move(made);
}

void plan_compiler::read_outputs() {
  for (auto& source : out_->sources) {
    for (std::size_t s = 0; s < source.streams.size(); ++s)
      source.outputs.push_back({source.streams[s].name + ".dead", output_kind::dead, s, {}});
    if (!source.exchange)
      source.outputs.push_back({source.name + ".future", output_kind::future, 0, {}});
    for (std::size_t v = 0; v < source.views.size(); ++v)
      source.outputs.push_back({source.views[v].name + ".late", output_kind::late, v, {}});
  }
}

void plan_compiler::read_everything(source_plan& s, const stream_plan& stream) {
  for (auto slot : stream.slots)
    if (slot < s.needed.size())
      s.needed[slot] = true;
}

void plan_compiler::read_sink_input(const component& c, const text_at& from, sink_plan& sink) {
  auto index = out_->sinks.size();
  std::vector<std::string> known;
  for (auto& source : out_->sources) {
    for (const auto& view : source.views) {
      known.push_back(view.name);
      if (view.name != from.text)
        continue;
      if (c.settings.has("key"))
        fault(c.settings.where("key"), "sinks." + c.name.text + ".key",
              "\"" + from.text + "\" is a view: its rows have their `by` columns as key",
              "remove `key`, or give the view a sink of its own");
      return sink.views.push_back(from.text);
    }
    for (std::size_t s = 0; s < source.streams.size(); ++s)
      if (source.streams[s].name == from.text &&
          std::ranges::none_of(source.outputs, [&](const output_plan& o) { return o.name == from.text; })) {
        source.outputs.push_back({from.text, output_kind::events, s, {}});
        read_everything(source, source.streams[s]);
      }
    for (const auto& view : source.views)
      for (const auto& rule : view.alerts) {
        known.push_back(rule.schema->name);
        if (rule.schema->name != from.text)
          continue;
        if (c.settings.has("key"))
          fault(c.settings.where("key"), "sinks." + c.name.text + ".key",
                "\"" + from.text + "\" is an alert: its entries have no key",
                "give it a sink of its own, without `key`");
        return sink.alerts.push_back(from.text);
      }
    for (auto& output : source.outputs) {
      known.push_back(output.name);
      if (output.name != from.text)
        continue;
      output.sinks.push_back(index);
      if (c.settings.has("key"))
        read_sink_key(c, source, output);
      return sink.outputs.push_back(from.text);
    }
    for (const auto& stream : source.streams)
      known.push_back(stream.name);
  }
  // A view with a fault of its own was reported already.
  if (auto it = names_.find(from.text); it == names_.end())
    fault(from.at, "sinks." + c.name.text + ".from",
          "no view, stream, side output or alert \"" + from.text + "\"", did_you_mean(from.text, known));
}

void plan_compiler::read_sink_key(const component& c, source_plan& source, output_plan& output) {
  auto path = "sinks." + c.name.text + ".key";
  if (output.kind != output_kind::events)
    return fault(c.settings.where("key"), path,
                 "the events of \"" + output.name + "\" have no fields that a key could be made of",
                 "give them a sink of their own, without `key`");
  auto s = static_cast<std::size_t>(&source - out_->sources.data());
  auto scope = scopes_[s][output.of];
  auto before = faults_.size();
  auto key =
      compile_at({c.settings.text("key"), c.settings.where("key")}, scope.environment(), path, faults_);
  if (key && !can_be_field(key->result()))
    fault(c.settings.where("key"), path, "a key can't be " + to_string(key->result()),
          std::string{field_hint(key->result())});
  drop_echoes(before, scope.missing);
  for (auto f = before; f < faults_.size(); ++f)
    faults_[f].text = "in " + output.name + ": " + faults_[f].text;
  if (!key)
    return;
  scope.read.assign(source.fields.size() + meta_columns, false);
  for (auto slot : key->slots())
    scope.reads(slot);
  note_reads(scope, source);
  output.keys.push_back({out_->sinks.size(), std::move(*key)});
}

void plan_compiler::read_sink(const component& c) {
  sink_plan sink{c, {}, {}, {}, sink_feed::events};
  auto path = "sinks." + c.name.text;
  for (const auto& from : c.settings.texts("from"))
    read_sink_input(c, from, sink);
  auto complain = [&](const char* field, std::string text, std::string hint) {
    fault(c.settings.where(field), path + '.' + field, std::move(text), std::move(hint));
  };
  if (c.type == "redis" && !sink.outputs.empty())
    complain("from", "redis takes views, \"" + sink.outputs.front() + "\" is a stream", "");
  auto inputs = sink.views.size() + sink.outputs.size() + sink.alerts.size();
  if (c.type == "file" && !sink.views.empty() && inputs > 1)
    complain("from", "a file takes one view, or streams and alerts", "write each view to a file of its own");
  if (c.type == "kafka" && !sink.views.empty() && inputs > 1)
    complain("from", "a topic takes one view, or streams and alerts",
             "give each view a topic and a sink of its own");
  if (!sink.alerts.empty() && c.settings.text("format", "ndjson") == "csv")
    complain("format", "entries of alerts hold rows: they don't fit into columns", "write them as ndjson");
  if (c.type == "kafka" && sink.views.empty() && c.settings.text("mode", "changelog") != "changelog")
    complain("mode", "mode is for views; streams are always appended", "remove `mode`");
  if (!sink.views.empty() || c.type == "redis")
    sink.feed = c.type == "redis" || (c.type == "kafka" && c.settings.text("mode") != "append")
                    ? sink_feed::changes
                    : sink_feed::sealed_rows;
  if (sink.feed == sink_feed::sealed_rows)
    for (const auto& source : out_->sources)
      for (const auto& view : source.views)
        if (view.name == sink.views.front() && view.schema->endless())
          complain("from", "this sink takes final rows, those of \"" + view.name + "\" never are",
                   "use redis, or kafka with mode: changelog");
  out_->sinks.push_back(std::move(sink));
}

} // namespace tidemill
