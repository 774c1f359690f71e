#include "config/json_schema.hpp"

#include "event/definition.hpp"

#include "event/value.hpp"

#include <map>
#include <utility>

namespace tidemill {
namespace {

using members = std::initializer_list<std::pair<std::string_view, value>>;

value object(members all) {
  value_map out;
  for (const auto& [name, v] : all)
    out.emplace_back(value{name}, v);
  return out;
}

value texts(const std::vector<std::string_view>& all) {
  value_list out;
  for (auto text : all)
    out.emplace_back(text);
  return out;
}

value reference(const std::string& name) {
  return object({{"$ref", "#/definitions/" + name}});
}

value any_of(value_list all) {
  return object({{"anyOf", std::move(all)}});
}

value map_of(value entries) {
  return object({{"type", "object"}, {"additionalProperties", std::move(entries)}});
}

/// Indented by two spaces a level, lists of scalars on one line.
void pretty(std::string& out, const value& v, std::size_t depth) {
  auto line = [&](std::size_t d) { out += '\n' + std::string(2 * d, ' '); };
  const auto* map = v.as_map();
  const auto* list = v.as_list();
  auto nested = false;
  if (list != nullptr)
    for (const auto& item : *list)
      nested |= item.as_map() != nullptr || item.as_list() != nullptr;
  if ((map == nullptr || map->empty()) && !nested)
    return append_json(out, v);
  out += map != nullptr ? '{' : '[';
  auto first = true;
  auto separate = [&] {
    out += std::exchange(first, false) ? "" : ",";
    line(depth + 1);
  };
  if (map != nullptr)
    for (const auto& [key, child] : *map) {
      separate();
      append_json(out, key);
      out += ": ";
      pretty(out, child, depth + 1);
    }
  else
    for (const auto& child : *list) {
      separate();
      pretty(out, child, depth + 1);
    }
  line(depth);
  out += map != nullptr ? '}' : ']';
}

/// Gathers one definition per spec; `file.csv` is the section csv of a file source.
class schema_writer {
public:
  explicit schema_writer(const catalogue& known) : known_(known) {
    common("variable", object({{"type", "string"}, {"pattern", R"(\$\{)"}}));
    common("flag", any_of({object({{"type", "boolean"}}), reference("variable")}));
    common("integer", any_of({object({{"type", "integer"}}), reference("variable")}));
    common("number", any_of({object({{"type", "number"}}), reference("variable")}));
    common("text", object({{"type", texts({"string", "number", "boolean"})}}));
    common("texts", any_of({reference("text"), object({{"type", "array"}, {"items", reference("text")}})}));
    common("duration",
           any_of({object({{"type", "string"}, {"pattern", R"(^([0-9.]+(us|ms|s|m|h|d))+$|\$\{)"}}),
                   object({{"const", 0}})}));
    common("size", any_of({object({{"type", "string"}, {"pattern", R"(^[0-9.]+ ?([KMGT]i?)?B$|\$\{)"}}),
                           object({{"type", "integer"}})}));
    common("field",
           any_of({reference("text"), object({{"type", "object"},
                                              {"properties", object({{"type", reference("text")},
                                                                     {"path", reference("text")},
                                                                     {"format", reference("text")}})},
                                              {"required", texts({"type"})}})}));
  }

  value file() {
    value_map top;
    auto add = [&](std::string_view name, std::string_view text, value v) {
      auto described = *v.as_map();
      described.insert(described.begin(), {value{"description"}, value{text}});
      top.emplace_back(value{name}, value{std::move(described)});
    };
    add("pipeline", "Its name.", object({{"type", "string"}, {"pattern", "^[a-z_][a-z0-9_-]*$"}}));
    add("sources", "Where events come from.", map_of(typed("source", known_.sources)));
    add("tables", "Reference data for lookups.", map_of(typed("table", known_.tables)));
    add("streams", "A source or another stream, after some steps.", map_of(stream()));
    add("views", "Aggregates per key and window.", map_of(settings("view", *known_.view)));
    add("alerts", "Conditions over the rows of views.", map_of(settings("alert", *known_.alert)));
    add("sinks", "Where events and rows go.", map_of(typed("sink", known_.sinks)));
    add("serve", "The HTTP server.", settings("serve", *known_.serve));
    add("engine", "How it runs.", settings("engine", *known_.engine));
    add("tests", "Tests, see docs/testing.md.", map_of(object({{"type", "object"}})));
    value_map out{{value{"$schema"}, value{"http://json-schema.org/draft-07/schema#"}},
                  {value{"title"}, value{"A pipeline of tidemill"}},
                  {value{"type"}, value{"object"}},
                  {value{"required"}, texts({"pipeline", "sources"})},
                  {value{"properties"}, value{std::move(top)}},
                  {value{"patternProperties"}, object({{"^x-", value{true}}})},
                  {value{"additionalProperties"}, value{false}}};
    value_map definitions;
    for (auto& [name, v] : definitions_)
      definitions.emplace_back(value{name}, std::move(v));
    out.emplace_back(value{"definitions"}, value{std::move(definitions)});
    return out;
  }

private:
  void common(const std::string& name, value v) { definitions_.emplace(name, std::move(v)); }

  value of(const field_spec& f, const std::string& owner) {
    switch (f.type) {
    case field_type::boolean:
      return reference("flag");
    case field_type::integer:
      return reference("integer");
    case field_type::number:
      return reference("number");
    case field_type::duration:
      return reference("duration");
    case field_type::size:
      return reference("size");
    case field_type::text:
    case field_type::expression:
    case field_type::reference:
      return reference("text");
    case field_type::name:
      return object({{"type", "string"}, {"pattern", "^[a-z_][a-z0-9_]*$"}});
    case field_type::choice:
      return any_of({object({{"enum", texts(f.choices)}}), reference("variable")});
    case field_type::texts:
      return reference("texts");
    case field_type::expressions:
    case field_type::properties:
      return map_of(reference("text"));
    case field_type::types:
      return map_of(reference("field"));
    case field_type::section: {
      auto inner = settings(owner + '.' + std::string{f.name}, *f.inner);
      return f.choices.empty() ? inner : any_of({object({{"enum", texts(f.choices)}}), inner});
    }
    case field_type::sections:
      return map_of(f.inner == known_.score ? score()
                                            : settings(owner + '.' + std::string{f.name}, *f.inner));
    }
    return value{true};
  }

  void add_fields(value_map& out, const std::vector<field_spec>& fields, const std::string& owner) {
    for (const auto& f : fields) {
      auto shape = of(f, owner);
      // Beside a `$ref` nothing else counts in draft 7.
      value_list only{shape};
      out.emplace_back(value{f.name}, f.text.empty()
                                          ? shape
                                          : object({{"description", f.text}, {"allOf", std::move(only)}}));
    }
  }

  static value_list required(const std::vector<field_spec>& fields) {
    value_list out;
    for (const auto& f : fields)
      if (f.required)
        out.emplace_back(f.name);
    return out;
  }

  /// A definition of the settings of a spec; `with_type`: its `type` is said in them.
  value settings(const std::string& name, const spec& s, bool with_type = false) {
    if (!definitions_.contains(name)) {
      definitions_.emplace(name, value{}); // specs may nest themselves
      value_map properties;
      if (with_type)
        properties.emplace_back(value{"type"}, object({{"const", s.name}}));
      add_fields(properties, s.fields, name);
      auto made = object({{"description", s.summary},
                          {"type", "object"},
                          {"properties", std::move(properties)},
                          {"required", required(s.fields)},
                          {"additionalProperties", false}});
      definitions_[name] = std::move(made);
    }
    return reference(name);
  }

  /// One of several components, by its `type`.
  value typed(const std::string& role, const std::vector<const spec*>& all) {
    value_list cases;
    for (const auto* s : all) {
      auto name = std::string{s->name};
      cases.push_back(object({{"if", object({{"properties", object({{"type", object({{"const", name}})}})}})},
                              {"then", settings(role + '.' + name, *s, true)}}));
    }
    return object({{"type", "object"},
                   {"properties", object({{"type", object({{"enum", texts(names_of(all))}})}})},
                   {"required", texts({"type"})},
                   {"allOf", std::move(cases)}});
  }

  value stream() {
    value_map kinds;
    for (const auto* s : known_.steps)
      kinds.emplace_back(value{s->name}, is_inline(*s)
                                             ? object({{"description", s->summary},
                                                       {"allOf", value_list{of(s->fields.front(), "step")}}})
                                             : settings("step." + std::string{s->name}, *s));
    common("step", object({{"type", "object"},
                           {"minProperties", 1},
                           {"maxProperties", 1},
                           {"properties", std::move(kinds)},
                           {"additionalProperties", false}}));
    return object(
        {{"type", "object"},
         {"properties",
          object({{"from", reference("text")},
                  {"steps", object({{"type", "array"}, {"items", reference("step")}})},
                  {"route", map_of(reference("text"))},
                  {"route_to", object({{"enum", texts({"first", "all"})}})},
                  {"key_by", reference("texts")},
                  {"join", settings("join", *known_.join)},
                  {"partitions", object({{"type", "integer"},
                                         {"minimum", 1},
                                         {"maximum", std::int64_t{stream_definition::most_partitions}}})}})},
         {"oneOf",
          value_list{object({{"required", texts({"from"})}}), object({{"required", texts({"join"})}})}},
         {"additionalProperties", false}});
  }

  value score() {
    value_map properties;
    add_fields(properties, known_.score->fields, "score");
    properties.front().second = // `model`
        object({{"enum", texts(names_of(known_.models))}});
    for (const auto* m : known_.models)
      add_fields(properties, m->fields, "score." + std::string{m->name});
    return object({{"type", "object"},
                   {"properties", std::move(properties)},
                   {"required", required(known_.score->fields)}});
  }

  const catalogue& known_;
  std::map<std::string, value> definitions_;
};

} // namespace

std::string pipeline_schema(const catalogue& known) {
  std::string out;
  pretty(out, schema_writer{known}.file(), 0);
  return out + '\n';
}

} // namespace tidemill
