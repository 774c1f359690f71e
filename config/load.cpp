#include "config/load.hpp"

#include "config/scalar.hpp"
#include "config/settings.hpp"
#include "config/source_text.hpp"
#include "config/suggest.hpp"
#include "config/test_section.hpp"
#include "config/yaml_node.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <optional>
#include <system_error>

namespace tidemill {
namespace {

const std::vector<field_spec>& top_fields() {
  static const std::vector<field_spec> all{
      {.name = "pipeline", .type = field_type::text, .text = "Its name.", .foreign = {"name", "id"}},
      {.name = "sources", .type = field_type::sections, .text = "", .foreign = {"source", "inputs", "input"}},
      {.name = "tables",
       .type = field_type::sections,
       .text = "",
       .foreign = {"table", "lookups", "enrichment_tables", "caches", "cache_resources"}},
      {.name = "streams",
       .type = field_type::sections,
       .text = "",
       .foreign = {"stream", "transforms", "pipelines", "processors", "queries"}},
      {.name = "views",
       .type = field_type::sections,
       .text = "",
       .foreign = {"view", "aggregations", "windows", "materialized_views"}},
      {.name = "alerts", .type = field_type::sections, .text = "", .foreign = {"rules"}},
      {.name = "sinks", .type = field_type::sections, .text = "", .foreign = {"sink", "outputs", "output"}},
      {.name = "serve",
       .type = field_type::section,
       .text = "",
       .foreign = {"http", "server", "api", "listen"}},
      {.name = "engine",
       .type = field_type::section,
       .text = "",
       .foreign = {"settings", "runtime", "options", "global", "config"}},
      {.name = "tests", .type = field_type::sections, .text = "", .foreign = {"test", "spec"}}};
  return all;
}

const std::vector<field_spec>& stream_fields() {
  static const std::vector<field_spec> all{
      {.name = "from",
       .type = field_type::reference,
       .text = "a source or another stream",
       .foreign = {"input", "inputs", "source", "sources"}},
      {.name = "steps",
       .type = field_type::texts,
       .text = "what is done to its events, in order",
       .foreign = {"transforms", "processors", "pipeline", "operators", "stages"}},
      {.name = "route",
       .type = field_type::expressions,
       .text = "branches: each a stream NAME.BRANCH",
       .foreign = {"switch", "branches", "split", "swimlanes", "cases"}},
      {.name = "route_to", .type = field_type::choice, .text = "first or all", .choices = {"first", "all"}},
      {.name = "key_by",
       .type = field_type::texts,
       .text = "fields: events that agree in them meet in one partition",
       .foreign = {"partition_by", "group_by", "repartition", "keyBy", "shuffle"}},
      {.name = "join",
       .type = field_type::section,
       .text = "two streams that meet, instead of from",
       .foreign = {"joins", "merge", "lookup"}},
      {.name = "partitions",
       .type = field_type::integer,
       .text = "of the exchange that key_by or join need",
       .foreign = {"parallelism", "shards"}}};
  return all;
}

const std::vector<std::pair<std::string_view, std::string_view>>& foreign_steps() {
  static const std::vector<std::pair<std::string_view, std::string_view>> all{
      {"where", "filter"},  {"reject", "filter"}, {"map", "set"},     {"mapping", "set"},
      {"eval", "set"},      {"compute", "set"},   {"let", "set"},     {"remap", "set"},
      {"enrich", "lookup"}, {"join", "lookup"},   {"select", "keep"}, {"project", "keep"},
      {"exclude", "drop"},  {"remove", "drop"}};
  return all;
}

class loader {
public:
  loader(const yaml_document& document, const catalogue& known, const environment_lookup& environment,
         loaded& out)
      : faults_(out.diagnostics), reader_(known, environment, document.incomplete, out.diagnostics),
        known_(known), out_(out.pipeline) {}

  void read(const yaml_node& root) {
    if (root.of != yaml_node::kind::map) {
      reader_.fault(root.at, "", "expected a pipeline, found something else",
                    "a pipeline has the keys pipeline, sources, streams, views, sinks, serve");
      return;
    }
    for (const auto& [key, node] : root.entries)
      top(*key, *node);
    if (root.find("pipeline") == nullptr && !named_ && !reader_.incomplete())
      reader_.fault({1, 1}, "", "missing key \"pipeline\"", "pipeline: the name of this pipeline");
    if (root.find("sources") == nullptr && !has_sources_ && !reader_.incomplete())
      reader_.fault({1, 1}, "", "missing key \"sources\"", "without a source nothing happens");
    if (root.find("serve") == nullptr)
      out_.serve = reader_.defaults(*known_.serve);
    if (root.find("engine") == nullptr)
      out_.engine = reader_.defaults(*known_.engine);
  }

private:
  void top(const yaml_node& key, const yaml_node& node) {
    const auto& name = key.text;
    if (name == "pipeline") {
      pipeline_name(node);
    } else if (name == "sources") {
      components_of(name, node, known_.sources, out_.sources);
    } else if (name == "tables") {
      components_of(name, node, known_.tables, out_.tables);
    } else if (name == "sinks") {
      components_of(name, node, known_.sinks, out_.sinks);
    } else if (name == "streams") {
      each(name, node, [this](auto& k, auto& n, auto& path) { stream(k, n, path); });
    } else if (name == "views") {
      each(name, node, [this](auto& k, auto& n, auto& path) {
        out_.views.push_back({{k.text, k.at}, reader_.read(n, *known_.view, k.at, path)});
      });
    } else if (name == "serve" || name == "engine") {
      section(key, node);
    } else if (name == "tests") {
      read_tests(node, reader_, out_.tests);
    } else if (name == "alerts") {
      each(name, node, [this](auto& k, auto& n, auto& path) {
        out_.alerts.push_back({{k.text, k.at}, reader_.read(n, *known_.alert, k.at, path)});
      });
    } else if (!name.starts_with("x-")) {
      auto meant = reader_.unknown_key(key, "", top_fields());
      named_ |= meant == "pipeline";
      has_sources_ |= meant == "sources";
    }
  }

  void pipeline_name(const yaml_node& node) {
    auto name = reader_.text(node, "pipeline", "the name of the pipeline");
    if (!name)
      return;
    auto letters = name->text;
    std::replace(letters.begin() + 1, letters.end(), '-', '_');
    if (!is_identifier(letters))
      reader_.fault(name->at, "pipeline",
                    quoted_for_message(name->text) +
                        " can't be a name: lower-case letters, digits, - and _ make one, no digit first",
                    "write " + as_identifier(name->text));
    out_.name = std::move(name->text);
  }

  /// Calls `f` for each entry of a map of names; an empty section is none.
  template <class F>
  void each(const std::string& section, const yaml_node& node, F f) {
    if (node.of == yaml_node::kind::null || node.of == yaml_node::kind::spoiled)
      return;
    if (node.of != yaml_node::kind::map) {
      reader_.fault(node.at, section, "expected a map of names to settings, found something else",
                    node.of == yaml_node::kind::sequence
                        ? "each entry has its name as key: write \"name:\", not \"-\""
                        : "");
      return;
    }
    for (const auto& [key, child] : node.entries) {
      auto path = section + '.' + key->text;
      reader_.check_name({key->text, key->at}, path, false);
      if (child->of != yaml_node::kind::spoiled)
        f(*key, *child, path);
    }
  }

  void components_of(const std::string& section, const yaml_node& node, const std::vector<const spec*>& specs,
                     std::vector<component>& out) {
    each(section, node, [&](const yaml_node& key, const yaml_node& child, const std::string& path) {
      const auto before = faults_.size();
      const auto* s = component_type(key, child, path, specs);
      if (s == nullptr)
        return;
      component c{{key.text, key.at}, std::string{s->name}, reader_.read(child, *s, key.at, path, true)};
      push(std::move(c), &out == &out_.tables ? before : faults_.size(), out);
    });
  }

  // The spec that `type` names; null with a fault.
  const spec* component_type(const yaml_node& key, const yaml_node& node, const std::string& path,
                             const std::vector<const spec*>& specs) {
    if (node.of != yaml_node::kind::map) {
      if (node.of != yaml_node::kind::null || !reader_.incomplete())
        reader_.fault(node.at, path, "expected settings",
                      "write it like " + std::string{specs.front()->example});
      return nullptr;
    }
    const auto* type = node.find("type");
    if (type == nullptr) {
      std::string all;
      for (const auto* s : specs)
        all += (all.empty() ? "type: " : " | ") + std::string{s->name};
      if (!reader_.incomplete())
        reader_.fault(key.at, path, "missing key \"type\"", all);
      return nullptr;
    }
    auto name = reader_.text(*type, path + ".type", "a type");
    if (!name)
      return nullptr;
    const auto* s = find_spec(specs, name->text);
    if (s == nullptr)
      reader_.fault(name->at, path + ".type", "unknown type " + quoted_for_message(name->text),
                    suggestion(name->text, names_of(specs)));
    return s;
  }

  void stream(const yaml_node& key, const yaml_node& node, const std::string& path) {
    stream_definition s{{key.text, key.at}, {}, {}};
    if (node.of != yaml_node::kind::map) {
      if (node.of != yaml_node::kind::null || !reader_.incomplete())
        reader_.fault(node.at, path, "expected settings",
                      "write it like {from: clicks, steps: [filter: 'x > 0']}");
      return;
    }
    bool has_from = false;
    for (const auto& [name, child] : node.entries) {
      if (name->text == "from") {
        has_from = true;
        if (auto from = reader_.text(*child, path + ".from", "the name of a source or a stream"))
          s.from = *std::move(from);
      } else if (name->text == "steps") {
        steps(*child, path + ".steps", s.steps);
      } else if (name->text == "route") {
        route(*child, path + ".route", s);
      } else if (name->text == "route_to") {
        if (child->text == "all" || child->text == "first")
          s.route_to_all = child->text == "all";
        else
          reader_.fault(child->at, path + ".route_to",
                        "events go to the first branch that takes them, or to all", "route_to: first | all");
      } else if (name->text == "join") {
        s.join = reader_.read(*child, *known_.join, child->at, path + ".join");
      } else if (name->text == "key_by") {
        key_by(*child, path + ".key_by", s);
      } else if (name->text == "partitions") {
        partitions(*child, path + ".partitions", s);
      } else {
        has_from |= reader_.unknown_key(*name, path, stream_fields()) == "from";
      }
    }
    check_stream(key, path, s, has_from, node);
    out_.streams.push_back(std::move(s));
  }

  void check_stream(const yaml_node& key, const std::string& path, const stream_definition& s, bool has_from,
                    const yaml_node& node) {
    if (reader_.incomplete())
      return;
    if (!has_from && !s.join)
      reader_.fault(key.at, path, "missing key \"from\"", "from: a source or another stream");
    if (has_from && s.join)
      reader_.fault(s.from.at, path + ".from", "a stream with `join` comes from the streams that it joins",
                    "remove `from`");
    if (s.join && !s.key_by.empty())
      reader_.fault(s.key_by.front().at, path + ".key_by", "a join brings equal keys together itself",
                    "remove `key_by`");
    if (const auto* n = node.find("partitions"); n != nullptr && !s.join && s.key_by.empty())
      reader_.fault(n->at, path + ".partitions", "this stream stays in the partitions of its source",
                    "add `key_by`, or remove `partitions`");
  }

  void key_by(const yaml_node& node, const std::string& path, stream_definition& s) {
    if (node.of == yaml_node::kind::sequence) {
      for (std::size_t i = 0; i < node.items.size(); ++i)
        if (auto field = reader_.text(*node.items[i], path + '[' + std::to_string(i) + ']', "a field"))
          s.key_by.push_back(*std::move(field));
    } else if (auto field = reader_.text(node, path, "a field, or a list of fields")) {
      s.key_by.push_back(*std::move(field));
    }
  }

  void partitions(const yaml_node& node, const std::string& path, stream_definition& s) {
    auto text = reader_.text(node, path, "a number");
    if (!text)
      return;
    const auto* end = text->text.data() + text->text.size();
    const auto [stop, failed] = std::from_chars(text->text.data(), end, s.partitions);
    if (failed != std::errc{} || stop != end || s.partitions < 1 ||
        s.partitions > stream_definition::most_partitions)
      reader_.fault(text->at, path, "partitions are a number from 1 to 1024", "partitions: 4");
  }

  void route(const yaml_node& node, const std::string& path, stream_definition& s) {
    if (node.of != yaml_node::kind::map || node.entries.empty())
      return reader_.fault(node.at, path, "expected branches with their conditions",
                           "write it like {errors: 'status >= 500', slow: 'took_ms > 1000.0'}");
    for (const auto& [name, child] : node.entries) {
      reader_.check_name({name->text, name->at}, path, false);
      const auto& word = name->text;
      if (word == "else")
        reader_.fault(name->at, path, "`else` is the branch of what no condition takes",
                      "remove it: it is there");
      else if (word == "dead" || word == "late" || word == "future" || word == "route")
        reader_.fault(name->at, path, "a branch can't be called " + quoted_for_message(word),
                      "choose another name");
      else if (auto condition = reader_.text(*child, path + '.' + name->text, "an expression"))
        s.route.emplace_back(text_at{name->text, name->at}, *std::move(condition));
    }
  }

  void steps(const yaml_node& node, const std::string& path, std::vector<component>& out) {
    if (node.of == yaml_node::kind::null || node.of == yaml_node::kind::spoiled)
      return;
    if (node.of != yaml_node::kind::sequence) {
      reader_.fault(node.at, path, "expected a list of steps",
                    node.of == yaml_node::kind::map ? "steps have an order: write \"- \" before each" : "");
      return;
    }
    for (std::size_t i = 0; i < node.items.size(); ++i)
      step(*node.items[i], path + '[' + std::to_string(i) + ']', out);
  }

  void step(const yaml_node& node, const std::string& path, std::vector<component>& out) {
    if (node.of == yaml_node::kind::spoiled)
      return;
    if (node.of != yaml_node::kind::map) {
      reader_.fault(node.at, path, "expected a step with its settings",
                    "write it like - filter: 'status != 0'");
      return;
    }
    if (node.entries.size() > 1)
      reader_.fault(node.entries[1].first->at, path,
                    "a step has one key, and " + quoted_for_message(node.entries[0].first->text) +
                        " stands here already",
                    "write \"- \" before " + quoted_for_message(node.entries[1].first->text));
    for (const auto& [key, child] : node.entries) {
      const auto* s = find_spec(known_.steps, key->text);
      const auto before = faults_.size();
      component c{{"", key->at}, "", {}};
      if (s != nullptr)
        c = {{"", key->at}, std::string{s->name}, step_settings(*key, *child, *s, path)};
      else
        unknown_step(*key, path);
      push(std::move(c), before, out);
    }
  }

  options step_settings(const yaml_node& key, const yaml_node& node, const spec& s, const std::string& path) {
    return reader_.read(node, s, key.at, is_inline(s) ? path : path + '.' + key.text);
  }

  void unknown_step(const yaml_node& key, const std::string& path) {
    auto hint = suggestion(key.text, names_of(known_.steps));
    for (auto [word, name] : foreign_steps())
      if (word == key.text && find_spec(known_.steps, name) != nullptr)
        hint = "did you mean \"" + std::string{name} + "\"?";
    reader_.fault(key.at, path, "unknown step " + quoted_for_message(key.text), std::move(hint));
  }

  void section(const yaml_node& key, const yaml_node& node) {
    const auto& s = key.text == "serve" ? *known_.serve : *known_.engine;
    auto& out = key.text == "serve" ? out_.serve : out_.engine;
    out = node.of == yaml_node::kind::null ? reader_.defaults(s) : reader_.read(node, s, key.at, key.text);
    out.at = key.at;
  }

  /// A step or a table with a fault keeps its settings and loses its type: nobody makes it, and nobody
  /// wonders that what it makes is not there.
  void push(component c, std::size_t faults_before, std::vector<component>& out) const {
    if (faults_.size() != faults_before)
      c.type.clear();
    out.push_back(std::move(c));
  }

  const std::vector<diagnostic>& faults_;
  settings_reader reader_;
  const catalogue& known_;
  definition& out_;
  bool named_ = false, has_sources_ = false;
};

} // namespace

loaded load_text(std::string_view text, std::string file, const environment_lookup& environment,
                 const catalogue& known) {
  loaded out;
  out.pipeline.file = std::move(file);
  auto document = parse_yaml(text, out.diagnostics);
  if (document.root)
    loader{document, known, environment, out}.read(*document.root);
  else if (out.diagnostics.empty())
    out.diagnostics.push_back(
        {severity::error, {}, {}, "the file is empty", "a pipeline has at least a source"});
  std::stable_sort(out.diagnostics.begin(), out.diagnostics.end(),
                   [](const diagnostic& a, const diagnostic& b) { return a.at < b.at; });
  if (out.diagnostics.size() >= max_faults)
    out.diagnostics.push_back(
        {severity::error, {}, {}, "there may be more: the rest was not looked for", ""});
  return out;
}

namespace {

/// The text of a file, or a diagnostic.
std::optional<std::string> read_text(const std::string& path, loaded& out) {
  out.pipeline.file = path;
  auto unreadable = [&] {
    auto why = std::error_code{errno, std::generic_category()}.message();
    out.diagnostics.push_back({severity::error, {}, {}, "the file can't be read: " + why, ""});
    return std::nullopt;
  };
  errno = 0;
  std::ifstream in{path, std::ios::binary};
  if (!in)
    return unreadable();
  // One byte more than is allowed, so that a larger file is recognised.
  std::string text(yaml_max_bytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad() || (in.fail() && !in.eof()))
    return unreadable();
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

} // namespace

loaded load_file(const std::string& path, const environment_lookup& environment) {
  loaded out;
  auto text = read_text(path, out);
  return text ? load_text(*text, path, environment) : out;
}

loaded load_tests_file(const std::string& path) {
  loaded out;
  auto text = read_text(path, out);
  if (!text)
    return out;
  auto document = parse_yaml(*text, out.diagnostics);
  const environment_lookup nothing = [](std::string_view) { return std::nullopt; };
  settings_reader reader{components(), nothing, document.incomplete, out.diagnostics};
  if (!document.root || document.root->of != yaml_node::kind::map)
    return out;
  for (const auto& [key, node] : document.root->entries) {
    if (key->text == "tests")
      read_tests(*node, reader, out.pipeline.tests);
    else if (!key->text.starts_with("x-"))
      reader.fault(key->at, key->text, "a file of tests has the key \"tests\" alone");
  }
  return out;
}

} // namespace tidemill
