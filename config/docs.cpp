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
  case field_type::name:
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

/// Nested settings that were described before, and where: several components share some.
struct described_settings {
  const spec* what;
  std::string name, title, file;
};

class page {
public:
  page(std::string file, std::string title, std::vector<described_settings>& described)
      : file_(std::move(file)), title_(std::move(title)), described_(described) {
    line("# " + title_);
    line();
  }

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
        nested(name + '.' + std::string{f.name}, *f.inner, f.type == field_type::sections);
  }

  [[nodiscard]] reference_page take() { return {"reference/" + file_, std::move(out_)}; }

private:
  void table(const spec& s) {
    line("| Setting | Value | Default | |");
    line("| --- | --- | --- | --- |");
    for (const auto& f : s.fields)
      line("| " + code(f.name) + " | " + type_cell(f) + " | " + default_cell(f) + " | " + cell(f.text) +
           " |");
  }

  // Settings that several components share are described where they come first.
  void nested(const std::string& name, const spec& s, bool named) {
    auto known = std::ranges::find(described_, &s, &described_settings::what);
    line();
    if (known != described_.end()) {
      auto there = known->file == file_ ? "" : ", see [" + known->title + "](" + known->file + ")";
      line(code(name) + ": as " + code(known->name) + there + '.');
      return;
    }
    described_.push_back({&s, name, title_, file_});
    line("**" + code(name) + "** — " + std::string{s.summary});
    line();
    const std::string example{s.example};
    yaml(name.substr(name.rfind('.') + 1) + ": " + (named ? "{name: " + example + '}' : example));
    line();
    table(s);
    for (const auto& f : s.fields)
      if (f.inner != nullptr)
        nested(name + '.' + std::string{f.name}, *f.inner, f.type == field_type::sections);
  }

  std::string file_, title_, out_;
  std::vector<described_settings>& described_;
};

constexpr std::string_view introduction =
    R"(# Reference of the pipeline file

Made from the specs of the components; not edited by hand.

A pipeline is one YAML file of at most 4 MiB. Its keys at the top:

| Key | |
| --- | --- |
| `pipeline` | The name of the pipeline. |
| `sources` | name → [source](reference/sources.md): where events come from. |
| `tables` | name → [table](reference/tables.md): reference data for lookups. |
| `streams` | name → {`from`, `steps`, `route`}: a source or another stream, a list of [steps](reference/steps.md), and [branches](steps.md); {`key_by`} or {`join`} instead of or beside `from`: see [joins](reference/joins.md) and [docs/joins.md](joins.md). |
| `views` | name → [view](reference/views.md): aggregates per key and window. |
| `alerts` | name → [alert](reference/alerts.md): conditions over the rows of views. |
| `sinks` | name → [sink](reference/sinks.md): where rows and events go. |
| `serve` | [HTTP and WebSocket](reference/serve.md). |
| `engine` | [How the pipeline runs](reference/engine.md). |
| `x-…` | Passed over: a home for YAML anchors. |

How values are written:

- **name** — `[a-z_][a-z0-9_]*`, at most 64 characters.
- **duration** — a number with a unit, repeated: `250ms`, `5s`, `1m30s`, `2h`, `1d`, `1w`; or ISO 8601, `PT1H30M`.
- **size** — bytes with a unit: `64KiB`, `16MiB`, `1GiB` (powers of 1024), `1MB` (powers of 1000), `512B`.
- **expression** — [CEL](expressions.md), the Common Expression Language; in `select` with [aggregates](reference/aggregates.md). Quote it: YAML takes `!x`, `a ? b : c`, `"x" == y`, ` #` and, inside
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

void components_of(page& out, const std::vector<const spec*>& all, const std::string& before) {
  for (const auto* s : all)
    out.component(2, std::string{s->name}, *s, before);
}

void aggregates(page& out) {
  out.line(
      "What `select` may call. Events for which an argument is null are passed over; a result that ends "
      "in `?` is null where\nthere was nothing to compute. Constants are known when the pipeline starts: "
      "`duration('30s')`, `[10, 20]`.");
  out.line();
  out.line("| Aggregate | Takes | Gives | | For example |");
  out.line("| --- | --- | --- | --- | --- |");
  for (const auto& a : aggregate_specs())
    out.line("| " + code(a.call) + " | " + cell(a.arguments) + " | " + cell(a.result) + " | " +
             cell(a.summary) + " | " + code(a.example) + " |");
}

/// With the names that are described there; without components they are those of aggregates.
std::string index_line(const std::string& page, const std::string& title,
                       const std::vector<const spec*>& all) {
  std::string names;
  for (const auto* s : all)
    names += (names.empty() ? "" : ", ") + code(s->name);
  if (names.empty())
    for (const auto& a : aggregate_specs())
      names += (names.empty() ? "" : ", ") + code(a.call.substr(0, a.call.find('(')));
  return "| [" + title + "](reference/" + page + ") | " + names + " |\n";
}

} // namespace

std::vector<reference_page> reference_pages(const catalogue& known) {
  std::vector<described_settings> described;
  std::vector<reference_page> all(1);
  std::string index;
  auto add = [&](const std::string& file, const std::string& title, const std::vector<const spec*>& listed,
                 const auto& fill) {
    page out{file, title, described};
    fill(out);
    all.push_back(out.take());
    index += index_line(file, title, listed);
  };
  auto kind = [&](const std::string& file, const std::string& title, std::string_view about,
                  const std::vector<const spec*>& listed, const std::string& before) {
    add(file, title, listed, [&](page& out) {
      out.line(about);
      components_of(out, listed, before);
    });
  };
  kind("sources.md", "Sources", "Entries of `sources`; `type` names one of these.", known.sources,
       "clicks: ");
  kind("tables.md", "Tables", "Entries of `tables`; `type` names one of these.", known.tables, "geo: ");
  kind("steps.md", "Steps",
       "Entries of a stream's `steps`, done in order. An event that fails in one goes to `<stream>.dead`.",
       known.steps, "");
  add("joins.md", "Joins", {known.join}, [&](page& out) {
    out.line("`join` of a stream; `key_by` and `partitions` beside it are told in "
             "[docs/joins.md](../joins.md).");
    out.line();
    out.body("join", *known.join, "join: ");
  });
  add("views.md", "Views", {known.view}, [&](page& out) { out.body("view", *known.view, "traffic: "); });
  add("aggregates.md", "Aggregates", {}, [&](page& out) { aggregates(out); });
  kind("models.md", "Models",
       "What `model` of an entry under `score` of a [view](views.md) may name; its settings stand beside "
       "`model` and `value`.",
       known.models, "");
  add("alerts.md", "Alerts", {known.alert}, [&](page& out) {
    out.line("Entries of `alerts`; [docs/alerts.md](../alerts.md) tells how they are evaluated and read.");
    out.line();
    out.body("alert", *known.alert, "burst: ");
  });
  kind("sinks.md", "Sinks", "Entries of `sinks`; `type` names one of these.", known.sinks, "out: ");
  add("serve.md", "Serve", {known.serve}, [&](page& out) { out.body("serve", *known.serve, "serve: "); });
  add("engine.md", "Engine", {known.engine},
      [&](page& out) { out.body("engine", *known.engine, "engine: "); });
  all[0] = {"reference.md", std::string{introduction} + "\nThe pages:\n\n| | |\n| --- | --- |\n" + index};
  return all;
}

} // namespace tidemill
