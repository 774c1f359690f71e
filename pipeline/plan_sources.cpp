// Sources and streams of a plan.
#include "event/hash.hpp"
#include "event/time_pattern.hpp"
#include "pipeline/plan_compiler.hpp"
#include "pipeline/steps/steps.hpp"

#include <algorithm>

namespace tidemill {

void plan_compiler::fault(position at, std::string path, std::string text, std::string hint) {
  faults_.push_back(fault_at(at, std::move(path), std::move(text), std::move(hint)));
}

bool plan_compiler::new_name(const text_at& name, const char* what) {
  auto [it, fresh] = names_.emplace(name.text, what);
  if (!fresh)
    fault(name.at, name.text, "the name \"" + name.text + "\" is taken by a " + it->second,
          "sources, streams, views and alerts share their names");
  return fresh;
}

std::shared_ptr<plan> plan_compiler::run() {
  out_->written = d_;
  out_->tables = d_.tables;
  read_tables();
  for (const auto& c : d_.sources)
    read_source(c);
  if (d_.sources.empty())
    fault({}, "sources", "a pipeline needs at least one source", "add `sources:`");
  read_streams();
  for (const auto& v : d_.views)
    read_view(v);
  check_tombstones();
  check_view_tables();
  forget_tables();
  for (const auto& a : d_.alerts)
    read_alert(a);
  read_outputs();
  for (const auto& c : d_.sinks)
    read_sink(c);
  feed_exchanges();
  return out_;
}

format_options format_of(const component& source) {
  format_options f;
  f.name = source.settings.text("format", "json");
  if (f.name == "ndjson")
    f.name = "json";
  const auto& csv = source.settings.section("csv");
  if (auto delimiter = csv.text("delimiter", ","); !delimiter.empty())
    f.delimiter = delimiter.front();
  f.header = csv.flag("header", true);
  for (const auto& c : csv.texts("columns"))
    f.columns.push_back(c.text);
  f.pattern = source.settings.section("regex").text("pattern");
  f.max_record = static_cast<std::size_t>(source.settings.integer("max_record", 1 << 20));
  return f;
}

schema generated_schema() {
  auto of = [](const char* name, kind k, bool nullable = false) {
    return field{name, type{k, nullable}, {}, time_format::rfc3339};
  };
  return schema{{of("ts", kind::timestamp), of("user", kind::string), of("session", kind::string),
                 of("ip", kind::string), of("page", kind::string), of("status", kind::integer),
                 of("bytes", kind::integer), of("took_ms", kind::real), of("referrer", kind::string, true),
                 of("agent", kind::string)}};
}

schema plan_compiler::read_schema(const component& c, const format_options& format) {
  auto path = "sources." + c.name.text + ".schema";
  auto builtin = builtin_schema(format);
  if (builtin && c.settings.has("schema"))
    fault(c.settings.where("schema"), path, "format " + format.name + " has its own fields",
          "remove `schema`");
  if (builtin)
    return *builtin;
  if (!c.settings.has("schema")) {
    if (c.type == "generate")
      return generated_schema();
    fault(c.name.at, path, "the fields of the events are not declared",
          "add `schema: {ts: timestamp, user: string, …}`");
    return {};
  }
  schema fields;
  for (const auto& [name, settings] : c.settings.sections("schema")) {
    auto f = read_field(name.text, *settings);
    if (!f && !settings->has("type"))
      continue; // config has said so
    if (!f) {
      fault(settings->where(settings->has("format") ? "format" : "type"), path + "." + name.text,
            f.error().text());
      continue;
    }
    if (fields.find(f->name))
      fault(name.at, path + "." + name.text, "the field is declared twice");
    else
      fields.set(std::move(*f));
  }
  return fields;
}

void plan_compiler::read_time(const component& c, source_plan& s) {
  const auto& time = c.settings.section("time");
  auto path = "sources." + c.name.text + ".time";
  s.out_of_order = time.time("out_of_order", std::chrono::seconds{5});
  s.max_future = time.time("max_future", std::chrono::hours{1});
  s.max_lead = time.time("max_lead", std::chrono::hours{1});
  if (time.has("idle"))
    s.idle = time.time("idle");
  else if (c.type != "file" || c.settings.flag("follow"))
    s.idle = std::chrono::seconds{30};
  auto name = time.text("field");
  auto at = s.fields.find(name);
  if (!at) {
    std::vector<std::string> known;
    for (const auto& f : s.fields.fields())
      known.push_back(f.name);
    fault(time.where("field"), path + ".field", "the schema has no field \"" + name + "\"",
          did_you_mean(name, known));
    return;
  }
  if (!s.fields[*at].of.is(kind::timestamp))
    fault(time.where("field"), path + ".field",
          "the event time must be a timestamp, " + name + " is " + to_string(s.fields[*at].of),
          "declare it as timestamp, as timestamp_s, _ms, _us or _ns, or with a `format`");
  s.time_slot = *at;
}

void plan_compiler::read_source(const component& c) {
  auto index = out_->sources.size();
  source_plan s;
  s.name = c.name.text;
  s.settings = c;
  s.format = format_of(c);
  s.fields = read_schema(c, s.format);
  step_scope scope;
  for (const auto& [name, settings] : c.settings.sections("schema"))
    if (!s.fields.find(name.text))
      scope.missing.names.push_back(name.text);
  const auto before = faults_.size();
  s.needed.assign(s.fields.size(), false);
  read_time(c, s);
  if (!s.needed.empty())
    s.needed[s.time_slot] = true;
  s.columns = s.fields.size() + meta_columns;
  s.keep_meta = c.settings.flag("keep_meta");
  const auto tombstones = c.settings.text("tombstones", "dead");
  s.tombstones = tombstones == "skip"     ? tombstone_use::skip
                 : tombstones == "delete" ? tombstone_use::remove
                                          : tombstone_use::dead;
  s.continue_over_gaps = c.settings.text("on_gap", "fail") == "continue";
  for (const auto& t : tables_)
    s.tables.push_back(t.name);
  scope.fields = s.fields;
  scope.columns = s.columns;
  scope.tables = tables_;
  for (std::size_t i = 0; i < s.fields.size(); ++i)
    scope.slots.push_back(i);
  if (c.settings.has("partition_by"))
    s.partition_by = compile_at({c.settings.text("partition_by"), c.settings.where("partition_by")},
                                scope.environment(), "sources." + s.name + ".partition_by", faults_);
  read_partitions(c, s, scope);
  drop_echoes(before, scope.missing);
  scope.meta = s.fields.size(); // from here on: a record has no partition before it is partitioned
  if (auto made = make_codec(s.format, s.fields, std::vector<bool>(s.fields.size(), true));
      !made && s.fields.size() > 0)
    fault(c.settings.where("format"), "sources." + s.name, made.error().text());
  s.streams.push_back({s.name, std::nullopt, {}, {}, s.fields, scope.slots, {{s.fields, scope.slots}}});
  if (new_name(c.name, "source"))
    places_[s.name] = {index, 0};
  // What decides which events there are, and which are late; not where they come from.
  std::string text = s.format.name + '\n' + canonical(c.settings.section("csv")) + '\n';
  if (!s.format.pattern.empty())
    text += s.format.pattern + '\n';
  for (const auto& f : s.fields.fields()) {
    text += f.name + ' ' + to_string(f.of) + ' ' + std::to_string(static_cast<int>(f.time));
    if (f.pattern)
      text += ' ' + f.pattern->text();
    for (const auto& key : f.path)
      text += '/' + key;
    text += '\n';
  }
  text += std::to_string(s.time_slot) + ' ' + std::to_string(s.out_of_order.count()) + ' ' +
          std::to_string(s.max_future.count()) + ' ' + std::to_string(s.format.max_record);
  upstream_.push_back(text);
  stream_text_.push_back({text});
  scopes_.push_back({std::move(scope)});
  out_->sources.push_back(std::move(s));
}

std::vector<std::string> plan_compiler::known_streams() const {
  std::vector<std::string> known;
  for (const auto& s : d_.sources)
    known.push_back(s.name.text);
  for (const auto& s : d_.streams) {
    known.push_back(s.name.text);
    for (const auto& [branch, condition] : s.route)
      known.push_back(s.name.text + '.' + branch.text);
    if (!s.route.empty())
      known.push_back(s.name.text + ".else");
  }
  return known;
}

void plan_compiler::read_streams() {
  std::vector<const stream_definition*> left;
  for (const auto& s : d_.streams)
    if (new_name(s.name, "stream"))
      left.push_back(&s);
  for (auto progress = true; progress && !left.empty();) {
    progress = false;
    for (auto it = left.begin(); it != left.end();) {
      if (!std::ranges::all_of(parents_of(**it),
                               [&](const auto& p) { return places_.contains(p.first.text); })) {
        ++it;
        continue;
      }
      const auto& read = **it;
      if (read.join || !read.key_by.empty())
        read_exchange(read);
      else
        read_stream(read);
      it = left.erase(it);
      progress = true;
      if (!read.route.empty() && check_route(read)) {
        for (auto& branch : branches_of(read))
          if (new_name(branch.name, "stream"))
            left.push_back(&branches_.emplace_back(std::move(branch)));
        break; // `it` is gone
      }
    }
  }
  for (const auto* s : left)
    for (const auto& [from, key] : parents_of(*s)) {
      if (places_.contains(from.text))
        continue;
      auto known = known_streams();
      auto exists = std::ranges::find(known, from.text) != known.end();
      fault(from.at, "streams." + s->name.text + '.' + key,
            exists ? "\"" + from.text + "\" comes from this stream itself, or from one with a fault"
                   : "no source or stream \"" + from.text + "\"",
            exists ? "" : did_you_mean(from.text, known));
    }
}

void plan_compiler::note_reads(const step_scope& scope, source_plan& s) {
  auto fields = s.needed.size();
  for (std::size_t i = 0; i < scope.read.size(); ++i)
    if (scope.read[i] && i < fields)
      s.needed[i] = true;
    else if (scope.read[i])
      s.meta.at(i - fields) = true;
}

namespace {

/// Doesn't change when steps of other kinds come or go.
std::string state_name(const stream_plan& stream, const std::string& type) {
  auto name = stream.name + '/' + type;
  auto same = std::ranges::count_if(stream.states, [&](const step_state_plan& s) {
    return s.name == name || s.name.starts_with(name + '[');
  });
  return same == 0 ? name : name + '[' + std::to_string(same + 1) + ']';
}

} // namespace

/// Where a stream comes from, with the setting that says so.
std::vector<std::pair<text_at, std::string>> plan_compiler::parents_of(const stream_definition& s) {
  if (!s.join)
    return {{s.from, "from"}};
  std::vector<std::pair<text_at, std::string>> all;
  for (const auto* side : {"left", "right", "as_of"})
    if (s.join->has(side))
      all.push_back({{s.join->text(side), s.join->where(side)}, "join." + std::string{side}});
  return all;
}

void plan_compiler::read_steps(const stream_definition& s, std::size_t source, step_scope& scope,
                               stream_plan& plan, std::string& text) {
  plan.name = s.name.text;
  plan.stages.push_back({scope.fields, scope.slots});
  for (std::size_t i = 0; i < s.steps.size(); ++i) {
    const auto& c = s.steps[i];
    auto path = "streams." + s.name.text + ".steps[" + std::to_string(i) + "] ";
    auto entry = std::ranges::find(steps(), c.type, [](const step_entry& e) { return e.about.name; });
    if (entry == steps().end()) {
      note_unmade(c, scope); // config has said so
      continue;
    }
    auto before = faults_.size();
    auto made = entry->compile(c, scope, faults_);
    drop_echoes(before, scope.missing);
    for (auto f = before; f < faults_.size(); ++f)
      faults_[f].path = path + faults_[f].path;
    if (!made) {
      note_unmade(c, scope);
      continue;
    }
    looks_up_[source] = looks_up_[source] || c.type == "lookup";
    text += '\n' + c.type + ' ' + canonical(c.settings);
    if (made->stateful())
      plan.states.push_back({plan.steps.size(), state_name(plan, c.type), content_id(text)});
    plan.steps.push_back(std::move(made));
    plan.stages.push_back({scope.fields, scope.slots});
    plan.step_names.push_back(s.name.text + "[" + std::to_string(i) + "] " + c.type);
  }
  plan.fields = scope.fields;
  plan.slots = scope.slots;
  out_->sources[source].columns = scope.columns;
  note_reads(scope, out_->sources[source]);
}

void plan_compiler::add_stream(std::size_t source, stream_plan plan, step_scope scope, std::string text) {
  auto& streams = out_->sources[source].streams;
  places_[plan.name] = {source, streams.size()};
  stream_text_[source].push_back(std::move(text));
  scopes_[source].push_back(std::move(scope));
  streams.push_back(std::move(plan));
}

void plan_compiler::read_stream(const stream_definition& s) {
  const auto parent = places_.at(s.from.text);
  const auto& source = out_->sources[parent.source];
  auto scope = scopes_[parent.source][parent.stream];
  scope.columns = source.columns;
  scope.read.assign(source.fields.size() + meta_columns, false);
  stream_plan plan;
  plan.parent = parent.stream;
  auto text = stream_text_[parent.source][parent.stream];
  read_steps(s, parent.source, scope, plan, text);
  add_stream(parent.source, std::move(plan), std::move(scope), std::move(text));
}

} // namespace tidemill
