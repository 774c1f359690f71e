// Streams behind an exchange: `key_by` and `join`.
#include "event/hash.hpp"
#include "pipeline/plan_compiler.hpp"
#include "pipeline/steps/steps.hpp"

#include <algorithm>

namespace tidemill {
namespace {

std::vector<std::string> names_of(const schema& fields) {
  std::vector<std::string> all;
  for (const auto& f : fields.fields())
    all.push_back(f.name);
  return all;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ')
    text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ')
    text.remove_suffix(1);
  return text;
}

/// A field as it travels: how its source spells it doesn't matter any more.
field travelling(std::string name, const type& of) {
  return {std::move(name), of, {}, time_format::rfc3339};
}

} // namespace

exchange_input plan_compiler::input_of(const text_at& from, exchange_plan& exchange) const {
  const auto at = places_.at(from.text);
  exchange_input in;
  in.source = at.source;
  in.stream = at.stream;
  for (const auto& f : out_->sources[at.source].streams[at.stream].fields.fields())
    in.fields.set(travelling(f.name, f.of));
  auto known = std::ranges::find(exchange.sources, at.source);
  in.origin = static_cast<std::size_t>(known - exchange.sources.begin());
  if (known == exchange.sources.end())
    exchange.sources.push_back(at.source);
  return in;
}

void plan_compiler::read_keys(const stream_definition& s, exchange_plan& exchange) {
  auto in = input_of(s.from, exchange);
  for (const auto& name : s.key_by) {
    if (auto at = in.fields.find(name.text))
      in.key.push_back(*at);
    else
      fault(name.at, "streams." + s.name.text + ".key_by",
            "stream \"" + s.from.text + "\" has no field \"" + name.text + "\"",
            did_you_mean(name.text, names_of(in.fields)));
  }
  exchange.inputs.push_back(std::move(in));
}

/// `by`: which fields of the two sides must be equal.
void plan_compiler::read_pairs(const stream_definition& s, exchange_plan& exchange) {
  const auto path = "streams." + s.name.text + ".join.by";
  const auto find = [&](const exchange_input& in, std::string_view name, const text_at& at) {
    auto found = in.fields.find(std::string{name});
    if (!found)
      fault(at.at, path,
            "stream \"" + out_->sources[in.source].streams[in.stream].name + "\" has no field \"" +
                std::string{name} + "\"",
            did_you_mean(std::string{name}, names_of(in.fields)));
    return found;
  };
  auto& left = exchange.inputs[0];
  auto& right = exchange.inputs[1];
  for (const auto& on : s.join->texts("by")) {
    const std::string_view text{on.text};
    const auto equals = text.find('=');
    const auto mine = find(left, trimmed(text.substr(0, equals)), on);
    const auto other =
        find(right, trimmed(equals == std::string_view::npos ? text : text.substr(equals + 1)), on);
    if (!mine || !other)
      continue;
    const auto& a = left.fields[*mine];
    const auto& b = right.fields[*other];
    if (!a.of.is(b.of.of()))
      fault(on.at, path,
            a.name + " of the left is " + to_string(a.of) + ", " + b.name + " of the right is " +
                to_string(b.of) + ": they are never equal",
            "make them alike with a step `set` before the join");
    left.key.push_back(*mine);
    right.key.push_back(*other);
  }
  if (s.join->texts("by").empty())
    fault(s.join->where("by"), path, "a join needs a field that is equal on both sides", "by: [order_id]");
}

/// Fields of the right that the joined events have.
void plan_compiler::read_taken(const stream_definition& s, const exchange_plan& exchange, join_plan& join,
                               schema& fields) {
  const auto& right = exchange.inputs[1];
  const auto path = "streams." + s.name.text + ".join";
  const auto take = [&](const text_at& name, std::size_t at) {
    if (fields.find(name.text))
      return fault(name.at, path + ".set", "both sides have a field \"" + name.text + "\"",
                   "say what to take, and under which names: set: {right_" + name.text + ": " +
                       right.fields[at].name + "}");
    join.right.push_back(at);
    const auto& of = right.fields[at].of;
    fields.set(travelling(name.text, of.with_null(of.nullable() || join.keeps_left)));
  };
  if (s.join->has("set")) {
    for (const auto& [name, from] : s.join->pairs("set"))
      if (auto at = right.fields.find(from.text))
        take(name, *at);
      else
        fault(from.at, path + ".set", "the right side has no field \"" + from.text + "\"",
              did_you_mean(from.text, names_of(right.fields)));
    return;
  }
  for (std::size_t i = 0; i < right.fields.size(); ++i)
    if (std::ranges::find(right.key, i) == right.key.end())
      take({right.fields[i].name, s.join->at}, i);
}

void plan_compiler::read_join(const stream_definition& s, exchange_plan& exchange, schema& fields) {
  const auto& o = *s.join;
  const auto path = "streams." + s.name.text + ".join";
  join_plan join;
  join.as_of = o.has("as_of");
  if (o.has("right") == join.as_of)
    return fault(o.at, path, "a join is with `right`, or with the latest of `as_of`", "set one of the two");
  const auto* other = join.as_of ? "as_of" : "right";
  exchange.inputs.push_back(input_of({o.text("left"), o.where("left")}, exchange));
  exchange.inputs.push_back(input_of({o.text(other), o.where(other)}, exchange));
  join.before = o.time("before", o.time("within"));
  join.after = join.as_of ? microseconds{0} : o.time("after", o.time("within"));
  join.lateness = o.time("lateness");
  join.keeps_left = o.text("type", "inner") == "left";
  join.max_rows = static_cast<std::size_t>(std::max<std::int64_t>(1, o.integer("max_rows", 1'000'000)));
  for (const auto* bound : {"before", "after"})
    if (o.has(bound) && (join.as_of || o.time(bound) > o.time("within")))
      fault(o.where(bound), path + '.' + bound,
            join.as_of ? "with `as_of` the other event is never later, and at most `within` older"
                       : std::string{bound} + " is more than `within`",
            join.as_of ? "remove it" : "set `within` to the longer of the two");
  fields = exchange.inputs[0].fields;
  read_pairs(s, exchange);
  read_taken(s, exchange, join, fields);
  exchange.join = std::move(join);
}

/// A source of its own: its events come from workers of others.
void plan_compiler::read_exchange(const stream_definition& s) {
  const auto before = faults_.size();
  exchange_plan exchange;
  exchange.partitions = s.partitions;
  source_plan source;
  source.name = s.name.text;
  source.settings = {s.name, "exchange", {}};
  if (s.join) {
    read_join(s, exchange, source.fields);
  } else {
    read_keys(s, exchange);
    source.fields = exchange.inputs[0].fields;
  }
  step_scope scope;
  for (const auto& [from, setting] : parents_of(s))
    if (auto at = places_.find(from.text); at != places_.end()) {
      const auto& missing = scopes_[at->second.source][at->second.stream].missing;
      scope.missing.any |= missing.any;
      scope.missing.names.insert(scope.missing.names.end(), missing.names.begin(), missing.names.end());
    }
  const auto sound = faults_.size() == before;
  drop_echoes(before, scope.missing);
  if (!sound)
    return;
  std::string text = "exchange " + std::to_string(s.partitions) + '\n';
  for (const auto& in : exchange.inputs) {
    text += "from " + out_->sources[in.source].name + '\n' + stream_text_[in.source][in.stream] + "\nkey";
    for (auto at : in.key)
      text += ' ' + in.fields[at].name;
    text += '\n';
    for (const auto& f : in.fields.fields())
      text += f.name + ' ' + to_string(f.of) + '\n';
  }
  exchange.id = content_id(text);
  if (s.join)
    text += "join " + canonical(*s.join) + '\n';
  source.needed.assign(source.fields.size(), false);
  source.columns = source.fields.size() + meta_columns;
  for (const auto& t : tables_)
    source.tables.push_back(t.name);
  source.exchange = std::move(exchange);
  scope.fields = source.fields;
  scope.columns = source.columns;
  scope.tables = tables_;
  for (std::size_t i = 0; i < source.fields.size(); ++i)
    scope.slots.push_back(i);
  partition_by_key(source, scope);
  scope.read.assign(source.columns, false);
  const auto index = out_->sources.size();
  out_->sources.push_back(std::move(source));
  upstream_.push_back(text);
  stream_text_.emplace_back();
  scopes_.emplace_back();
  stream_plan plan;
  plan.states.push_back(
      {step_state_plan::intake, s.name.text + (s.join ? "/join" : "/key_by"), content_id(text)});
  read_steps(s, index, scope, plan, text);
  add_stream(index, std::move(plan), std::move(scope), std::move(text));
}

/// Each exchange is a sink, too: of the workers of its inputs.
void plan_compiler::feed_exchanges() {
  for (std::size_t e = 0; e < out_->sources.size(); ++e) {
    if (!out_->sources[e].exchange)
      continue;
    const auto& exchange = *out_->sources[e].exchange;
    sink_plan sink{out_->sources[e].settings, {}, {}, {}, sink_feed::events, e};
    for (std::size_t i = 0; i < exchange.inputs.size(); ++i) {
      const auto& in = exchange.inputs[i];
      auto& from = out_->sources[in.source];
      const auto& stream = from.streams[in.stream];
      sink.outputs.push_back(out_->sources[e].name + ".in" + std::to_string(i));
      from.outputs.push_back(
          {sink.outputs.back(), output_kind::exchange, in.stream, {out_->sinks.size()}, {}, e, i, in.key});
      read_everything(from, stream);
    }
    out_->sinks.push_back(std::move(sink));
  }
}

} // namespace tidemill
