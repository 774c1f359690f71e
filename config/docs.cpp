#include "config/docs.hpp"

#include "pipeline/registry.hpp"

#include <algorithm>

namespace tidemill {
namespace {

std::string_view kind_of(field_type t) {
  switch (t) {
  case field_type::boolean:
    return "`true` or `false`";
  case field_type::integer:
    return "whole number";
  case field_type::number:
    return "number";
  case field_type::duration:
    return "duration";
  case field_type::size:
    return "size";
  case field_type::text:
    return "text";
  case field_type::expression:
    return "expression";
  case field_type::choice:
    return "one of";
  case field_type::reference:
    return "name";
  case field_type::texts:
    return "text or list of texts";
  case field_type::expressions:
    return "name → expression";
  case field_type::properties:
    return "name → text";
  case field_type::types:
    return "field → type";
  case field_type::section:
    return "settings";
  case field_type::sections:
    return "name → settings";
  }
  return "";
}

// Inside a cell of a table a bar would end it.
std::string cell(std::string_view text) {
  std::string out;
  for (auto c : text) {
    if (c == '|')
      out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

std::string code(std::string_view text) {
  return '`' + cell(text) + '`';
}

std::string choices(const field_spec& f) {
  std::string out;
  for (auto word : f.choices)
    out += (out.empty() ? "" : ", ") + code(word);
  return out;
}

std::string type_cell(const field_spec& f) {
  if (f.type == field_type::choice)
    return choices(f);
  std::string out{kind_of(f.type)};
  return f.choices.empty() ? out : choices(f) + " or " + out;
}

std::string default_cell(const field_spec& f) {
  if (f.required)
    return "required";
  if (!f.fallback)
    return "";
  return f.fallback->empty() ? "empty" : code(*f.fallback);
}

class page {
public:
  void line(std::string_view text = {}) {
    out_ += text;
    out_ += '\n';
  }

  void heading(int level, std::string_view text) {
    line();
    line(std::string(static_cast<std::size_t>(level), '#') + ' ' + std::string{text});
    line();
  }

  void yaml(std::string_view text) {
    line("```yaml");
    line(text);
    line("```");
  }

  /// Summary, example and settings of a component. `name`: how its nested settings are called, `file.time`.
  void component(int level, const std::string& name, const spec& s, const std::string& before) {
    heading(level, code(name));
    body(name, s, before);
  }

  void body(const std::string& name, const spec& s, const std::string& before) {
    line(s.summary);
    line();
    yaml(before.empty() || s.example.starts_with(before) ? std::string{s.example}
                                                         : before + std::string{s.example});
    if (s.fields.empty())
      return;
    line();
    table(s);
    for (const auto& f : s.fields)
      if (f.inner != nullptr)
        nested(name + '.' + std::string{f.name}, *f.inner);
  }

  [[nodiscard]] std::string take() { return std::move(out_); }

private:
  void table(const spec& s) {
    line("| Setting | Value | Default | |");
    line("| --- | --- | --- | --- |");
    for (const auto& f : s.fields)
      line("| " + code(f.name) + " | " + type_cell(f) + " | " + default_cell(f) + " | " + cell(f.text) +
           " |");
  }

  // Settings that several components share are described where they come first.
  void nested(const std::string& name, const spec& s) {
    auto known =
        std::find_if(described_.begin(), described_.end(), [&](const auto& d) { return d.first == &s; });
    line();
    if (known != described_.end()) {
      line(code(name) + ": as " + code(known->second) + '.');
      return;
    }
    described_.emplace_back(&s, name);
    line("**" + code(name) + "** — " + std::string{s.summary});
    line();
    yaml(name.substr(name.rfind('.') + 1) + ": " + std::string{s.example});
    line();
    table(s);
    for (const auto& f : s.fields)
      if (f.inner != nullptr)
        nested(name + '.' + std::string{f.name}, *f.inner);
  }

  std::string out_;
  std::vector<std::pair<const spec*, std::string>> described_;
};

constexpr std::string_view introduction =
    R"(# Reference of the pipeline file

Made from the specs of the components; not edited by hand.

A pipeline is one YAML file of at most 4 MiB. Its keys at the top:

| Key | |
| --- | --- |
| `pipeline` | The name of the pipeline. |
| `sources` | name → [source](#sources): where events come from. |
| `tables` | name → [table](#tables): reference data for lookups. |
| `streams` | name → {`from`, `steps`, `route`}: a source or another stream, a list of [steps](#steps), and branches (docs/steps.md); {`key_by`} or {`join`} instead of or beside `from`: see [joins](#joins) and docs/joins.md. |
| `views` | name → [view](#views): aggregates per key and window. |
| `alerts` | name → [alert](#alerts): conditions over the rows of views. |
| `sinks` | name → [sink](#sinks): where rows and events go. |
| `serve` | [HTTP and WebSocket](#serve). |
| `engine` | [How the pipeline runs](#engine). |
| `x-…` | Passed over: a home for YAML anchors. |

How values are written:

- **name** — `[a-z_][a-z0-9_]*`, at most 64 characters.
- **duration** — a number with a unit, repeated: `250ms`, `5s`, `1m30s`, `2h`, `1d`, `1w`; or ISO 8601, `PT1H30M`.
- **size** — bytes with a unit: `64KiB`, `16MiB`, `1GiB` (powers of 1024), `1MB` (powers of 1000), `512B`.
- **expression** — CEL, the Common Expression Language. Quote it: YAML takes `!x`, `a ? b : c`, `"x" == y`, ` #` and, inside
  braces, commas for its own.
- **type** — `bool`, `int`, `uint`, `double`, `decimal`, `string`, `bytes`, `timestamp` (RFC 3339), `timestamp_s`,
  `timestamp_ms`, `timestamp_us`, `timestamp_ns` (numbers since 1970, quoted or not), `duration`, `dyn`, `[type]`. A `?` behind it
  allows null and absence. A field that has another name in the input, or lies deeper: `{type: int, path: user.id}`. A timestamp
  in a form of its own: `{type: timestamp, format: '%Y-%m-%d %H:%M:%S'}`, with the letters of strptime: `%Y %y %m %b %d %j %H %I %p
  %M %S %f %z %a`, `%F %T %R %D`; `%f` is a fraction of a second, and without `%z` times are UTC. `format: unix_s`, `unix_ms`,
  `unix_us`, `unix_ns` and `rfc3339` say the same as the types.
- **variables** — `${NAME}`, `${NAME:-default}`, `${NAME:?message}` are replaced inside values, after the file is parsed; `$${`
  is `${`.
)";

void group(page& out, std::string_view title, std::string_view about, const std::vector<const spec*>& all,
           const std::string& before) {
  out.heading(2, title);
  out.line(about);
  for (const auto* s : all)
    out.component(3, std::string{s->name}, *s, before);
}

void aggregates(page& out) {
  out.heading(3, "Aggregates");
  out.line("What `select` may call. Events for which an argument is null are passed over; a result that ends "
           "in `?` is "
           "null where\nthere was nothing to compute. Constants are known when the pipeline starts: "
           "`duration('30s')`, "
           "`[10, 20]`.");
  out.line();
  out.line("| Aggregate | Takes | Gives | | For example |");
  out.line("| --- | --- | --- | --- | --- |");
  for (const auto& a : aggregate_specs())
    out.line("| " + code(a.call) + " | " + cell(a.arguments) + " | " + cell(a.result) + " | " +
             cell(a.summary) + " | " + code(a.example) + " |");
}

} // namespace

std::string reference_markdown(const catalogue& known) {
  page out;
  out.line(introduction.substr(0, introduction.size() - 1));
  group(out, "Sources", "Entries of `sources`; `type` names one of these.", known.sources, "clicks: ");
  group(out, "Tables", "Entries of `tables`; `type` names one of these.", known.tables, "geo: ");
  group(out, "Steps",
        "Entries of a stream's `steps`, done in order. An event that fails in one goes to `<stream>.dead`.",
        known.steps, "");
  out.heading(2, "Joins");
  out.line("`join` of a stream; `key_by` and `partitions` beside it are told in docs/joins.md.");
  out.line();
  out.body("join", *known.join, "join: ");
  out.heading(2, "Views");
  out.body("view", *known.view, "traffic: ");
  aggregates(out);
  out.heading(3, "Models");
  out.line("What `model` of an entry under `score` may name; its settings stand beside `model` and `value`.");
  for (const auto* s : known.models)
    out.component(4, std::string{s->name}, *s, "");
  out.heading(2, "Alerts");
  out.line("Entries of `alerts`; docs/alerts.md tells how they are evaluated and read.");
  out.line();
  out.body("alert", *known.alert, "burst: ");
  group(out, "Sinks", "Entries of `sinks`; `type` names one of these.", known.sinks, "out: ");
  out.heading(2, "Serve");
  out.body("serve", *known.serve, "serve: ");
  out.heading(2, "Engine");
  out.body("engine", *known.engine, "engine: ");
  return out.take();
}

} // namespace tidemill
