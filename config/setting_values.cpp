#include "config/scalar.hpp"
#include "config/settings.hpp"
#include "config/source_text.hpp"
#include "config/suggest.hpp"
#include "config/traps.hpp"
#include "event/schema.hpp"

#include <algorithm>

namespace tidemill {
namespace {

const std::vector<std::string_view>& type_names() {
  static const std::vector<std::string_view> all{
      "bool",      "int",         "uint",         "double",       "decimal",      "string",   "bytes",
      "timestamp", "timestamp_s", "timestamp_ms", "timestamp_us", "timestamp_ns", "duration", "dyn"};
  return all;
}

// The form of an entry under `schema:` that says more than a type.
const spec& type_spec() {
  static const spec all{.name = "field",
                        .summary =
                            "A field whose name in the input differs, that lies deeper, or whose times "
                            "are written in a form of their own.",
                        .example = "{type: int, path: user.id}",
                        .fields = {{.name = "type",
                                    .type = field_type::text,
                                    .text = "The type, `?` behind it allows null and absence.",
                                    .required = true},
                                   {.name = "path",
                                    .type = field_type::text,
                                    .text = "Keys from the root, with points between.",
                                    .foreign = {"from", "source", "key", "field"}},
                                   {.name = "format",
                                    .type = field_type::text,
                                    .text = "How a timestamp is written: `unix_ms`, `%Y-%m-%d %H:%M:%S`.",
                                    .foreign = {"pattern", "time_format", "unit"}}}};
  return all;
}

std::string_view noun(field_type t) {
  switch (t) {
  case field_type::boolean:
    return "true or false";
  case field_type::integer:
    return "a whole number";
  case field_type::number:
    return "a number";
  case field_type::duration:
    return "a duration";
  case field_type::size:
    return "a size";
  case field_type::text:
    return "a text";
  case field_type::expression:
    return "an expression";
  case field_type::choice:
    return "a word";
  case field_type::reference:
  case field_type::name:
    return "a name";
  case field_type::texts:
    return "a text or a list of texts";
  case field_type::expressions:
    return "a map of names to expressions";
  case field_type::properties:
    return "a map of names to texts";
  case field_type::types:
    return "a map of fields to types";
  case field_type::section:
    return "settings";
  case field_type::sections:
    return "a map of names to settings";
  }
  return "a value";
}

std::string found(const yaml_node& node) {
  switch (node.of) {
  case yaml_node::kind::sequence:
    return "a list";
  case yaml_node::kind::map:
    return "a map";
  case yaml_node::kind::scalar:
    return quoted_for_message(node.text);
  default:
    return "nothing";
  }
}

bool is_scalar_type(field_type t) {
  return t < field_type::texts;
}

std::string list_of(const std::vector<std::string_view>& words) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i)
    out += (i == 0 ? "" : i + 1 == words.size() ? " or " : ", ") + std::string{words[i]};
  return out;
}

} // namespace

// Adds a fault unless the node is a map.
bool settings_reader::wrong_kind(const yaml_node& node, const std::string& path, std::string_view what,
                                 std::string_view example) {
  if (node.of == yaml_node::kind::map)
    return false;
  if (node.of != yaml_node::kind::spoiled && !(node.of == yaml_node::kind::null && incomplete_))
    fault(node.at, path, "expected " + std::string{what} + ", found " + found(node),
          example.empty() ? "" : "write it like " + std::string{example});
  return true;
}

std::optional<text_at> settings_reader::expanded(const yaml_node& node, const std::string& path,
                                                 bool& secret) {
  auto text = expand_environment(node.text, environment_);
  if (!text) {
    fault(node.at, path, text.error().text());
    return std::nullopt;
  }
  secret = text->replaced;
  return text_at{std::move(text->text), node.at};
}

std::optional<text_at> settings_reader::text(const yaml_node& node, const std::string& path,
                                             std::string_view what) {
  if (node.of == yaml_node::kind::spoiled || (node.of == yaml_node::kind::null && incomplete_))
    return std::nullopt;
  if (node.of != yaml_node::kind::scalar) {
    if (node.of == yaml_node::kind::null)
      fault(node.at, path, "expected " + std::string{what} + ", found nothing",
            "give it a value, or remove the key");
    else
      fault(node.at, path, "expected " + std::string{what} + ", found " + found(node));
    return std::nullopt;
  }
  bool secret = false;
  auto out = expanded(node, path, secret);
  if (out && out->text.empty()) {
    fault(node.at, path, "expected " + std::string{what} + ", found an empty text");
    return std::nullopt;
  }
  return out;
}

std::optional<text_at> settings_reader::expression(const yaml_node& node, const std::string& path) {
  auto out = text(node, path, "an expression");
  if (!out)
    return std::nullopt;
  if (!node.quoted && !node.comment.empty() && (open_quote(node.text) || open_brackets(node.text) > 0)) {
    fault(node.at, path, "YAML cuts this at \" #\", which begins a comment",
          quote_hint(node.text + node.comment));
    return std::nullopt;
  }
  // The line end that a block scalar has: the same expression in quotes is the same setting.
  out->text.erase(out->text.find_last_not_of(" \t\r\n") + 1);
  if (out->text.empty()) {
    fault(node.at, path, "expected an expression, found blanks");
    return std::nullopt;
  }
  return out;
}

std::optional<option> settings_reader::value(const yaml_node& node, const field_spec& f,
                                             const std::string& path) {
  std::optional<data> held;
  if (node.of == yaml_node::kind::spoiled)
    return std::nullopt;
  if (is_scalar_type(f.type))
    held = scalar(node, f, path);
  else if (f.type == field_type::texts)
    held = list(node, f, path);
  else if (f.type == field_type::expressions)
    held = expressions(node, path);
  else if (f.type == field_type::properties)
    held = properties(node, path);
  else if (f.type == field_type::types)
    held = types(node, f, path);
  else if (f.type == field_type::section)
    held = section(node, f, path);
  else
    held = sections(node, f, path);
  if (!held)
    return std::nullopt;
  return option{node.at, *std::move(held)};
}

std::optional<settings_reader::data> settings_reader::scalar(const yaml_node& node, const field_spec& f,
                                                             const std::string& path) {
  // `on_miss: null` means the word.
  if (f.type == field_type::choice && node.of == yaml_node::kind::null && !node.text.empty())
    return choice({node.text, node.at}, quoted_for_message(node.text), f, path);
  if (f.type == field_type::expression) {
    auto e = expression(node, path);
    return e ? std::optional<data>{std::move(e->text)} : std::nullopt;
  }
  bool secret = false;
  std::optional<text_at> written;
  if (f.type == field_type::text && node.of == yaml_node::kind::scalar)
    written = expanded(node, path, secret); // may be empty
  else if (written = text(node, path, noun(f.type)); written)
    secret = written->text != node.text;
  if (!written)
    return std::nullopt;
  auto shown = secret ? "the value of " + quoted_for_message(node.text) : quoted_for_message(written->text);
  auto converted = [&](auto parsed) -> std::optional<data> {
    if (parsed)
      return data{*parsed};
    fault(node.at, path, "expected " + std::string{noun(f.type)} + ", found " + shown,
          secret ? "" : parsed.error().text());
    return std::nullopt;
  };
  switch (f.type) {
  case field_type::boolean:
    return converted(parse_flag(written->text));
  case field_type::integer:
    return converted(parse_integer(written->text));
  case field_type::number:
    return converted(parse_number(written->text));
  case field_type::size:
    return converted(parse_size(written->text));
  case field_type::duration:
    return duration_or_fault(*written, secret, path);
  case field_type::choice:
    return choice(*written, shown, f, path);
  case field_type::name:
    return check_name(*written, path, true) ? std::optional<data>{std::move(written->text)} : std::nullopt;
  default:
    return std::move(written->text);
  }
}

std::optional<settings_reader::data> settings_reader::duration_or_fault(const text_at& text, bool secret,
                                                                        const std::string& path) {
  auto d = parse_config_duration(text.text);
  if (d)
    return *d;
  if (secret)
    fault(text.at, path, "the value of the environment variable is no duration",
          "write one such as 90s or 1h30m");
  else
    fault(text.at, path, d.error().text());
  return std::nullopt;
}

std::optional<settings_reader::data> settings_reader::choice(const text_at& text, const std::string& shown,
                                                             const field_spec& f, const std::string& path) {
  if (std::find(f.choices.begin(), f.choices.end(), text.text) != f.choices.end())
    return text.text;
  auto near = shown.starts_with('"') ? nearest(text.text, f.choices) : std::string_view{};
  auto settings =
      f.inner != nullptr ? " or settings such as " + std::string{f.inner->example} : std::string{};
  fault(text.at, path, "expected " + list_of(f.choices) + settings + ", found " + shown,
        near.empty() ? "" : "did you mean \"" + std::string{near} + "\"?");
  return std::nullopt;
}

std::optional<settings_reader::data> settings_reader::list(const yaml_node& node, const field_spec& f,
                                                           const std::string& path) {
  std::vector<text_at> all;
  if (node.of != yaml_node::kind::sequence) {
    auto one = text(node, path, noun(f.type));
    if (!one)
      return std::nullopt;
    all.push_back(*std::move(one));
    return all;
  }
  bool sound = true;
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    auto one = text(*node.items[i], path + '[' + std::to_string(i) + ']', "a text");
    sound = sound && one;
    if (one)
      all.push_back(*std::move(one));
  }
  if (node.items.empty() && f.required) {
    fault(node.at, path, "the list is empty");
    return std::nullopt;
  }
  return sound ? std::optional<data>{std::move(all)} : std::nullopt;
}

std::optional<settings_reader::data> settings_reader::expressions(const yaml_node& node,
                                                                  const std::string& path) {
  if (wrong_kind(node, path, noun(field_type::expressions), "{name: 'expression'}"))
    return std::nullopt;
  std::vector<std::pair<text_at, text_at>> all;
  for (const auto& [key, child] : node.entries) {
    auto own = path + '.' + key->text;
    auto named = check_name({key->text, key->at}, own, true);
    auto e = expression(*child, own);
    if (named && e)
      all.emplace_back(text_at{key->text, key->at}, *std::move(e));
  }
  if (node.entries.empty())
    fault(node.at, path, "the map is empty");
  return all;
}

// The names are those of another system, and a text may be empty.
std::optional<settings_reader::data> settings_reader::properties(const yaml_node& node,
                                                                 const std::string& path) {
  if (wrong_kind(node, path, noun(field_type::properties), "{name: text}"))
    return std::nullopt;
  std::vector<std::pair<text_at, text_at>> all;
  for (const auto& [key, child] : node.entries) {
    auto own = path + '.' + key->text;
    bool secret = false;
    auto value = child->of == yaml_node::kind::scalar ? expanded(*child, own, secret)
                                                      : text(*child, own, noun(field_type::text));
    if (value)
      all.emplace_back(text_at{key->text, key->at}, *std::move(value));
  }
  return all;
}

std::optional<settings_reader::data> settings_reader::types(const yaml_node& node, const field_spec& f,
                                                            const std::string& path) {
  if (wrong_kind(node, path, noun(field_type::types), "{ts: timestamp, user: string, age: int?}"))
    return std::nullopt;
  option::section_list all;
  for (const auto& [key, child] : node.entries) {
    auto own = path + '.' + key->text;
    // The columns of a table are only ever named in quotes; the fields of a stream are variables.
    auto named = f.name != "schema" || check_name({key->text, key->at}, own, true);
    if (!named && !is_identifier(key->text) && child->of == yaml_node::kind::scalar &&
        faults_.back().at == key->at)
      faults_.back().hint = "write " + as_identifier(key->text) + ": {type: " + child->text +
                            ", path: " + quoted_for_message(key->text) + '}';
    auto t = schema_type(*child, key->at, own);
    // A field of no known type is there all the same: who uses it makes no mistake.
    if (!t && f.name == "schema")
      t = std::make_shared<options>();
    if (named && t)
      all.emplace_back(text_at{key->text, key->at}, std::move(t));
  }
  return all;
}

// `int?` or {type: int?, path: user.id}; null with a fault.
std::shared_ptr<const options> settings_reader::schema_type(const yaml_node& node, position at,
                                                            const std::string& path) {
  options o;
  position written_at;
  if (node.of == yaml_node::kind::map) {
    o = read(node, type_spec(), at, path);
    written_at = o.where("type");
  } else if (node.of == yaml_node::kind::sequence) {
    const auto of = node.items.size() == 1 && node.items[0]->of == yaml_node::kind::scalar
                        ? node.items[0]->text
                        : std::string{"string"};
    fault(node.at, path, "expected a type, found a list of YAML",
          "a type of lists stands in quotes: '[" + of + "]'");
  } else if (auto name = text(node, path, "a type"); name) {
    o.at = at;
    written_at = name->at;
    o.set("type", {name->at, std::move(name->text)});
  }
  if (!o.has("type"))
    return nullptr;
  auto written = o.text("type");
  time_format form{};
  if (!parse_type(written, form)) {
    auto native = native_type(written);
    fault(written_at, path, "unknown type " + quoted_for_message(written),
          !native.empty()            ? "write " + native
          : written.starts_with('[') ? "a list is written [string]"
          : nearest(written, {"array"}) == "array" || nearest(written, {"list"}) == "list"
              ? "a list is written with its elements' type: [string]"
              : suggestion(written, type_names()));
    return nullptr;
  }
  if (auto read = read_field({}, o); !read) {
    fault(o.where("format"), path, read.error().text());
    return nullptr;
  }
  return std::make_shared<const options>(std::move(o));
}

std::optional<settings_reader::data> settings_reader::section(const yaml_node& node, const field_spec& f,
                                                              const std::string& path) {
  if (node.of == yaml_node::kind::scalar && !f.choices.empty()) {
    auto written = text(node, path, "settings");
    return written ? choice(*written, quoted_for_message(node.text), f, path) : std::nullopt;
  }
  if (wrong_kind(node, path, noun(f.type), f.inner->example))
    return std::nullopt;
  return std::make_shared<const options>(read(node, *f.inner, node.at, path));
}

std::optional<settings_reader::data> settings_reader::sections(const yaml_node& node, const field_spec& f,
                                                               const std::string& path) {
  if (wrong_kind(node, path, noun(f.type), "{name: " + std::string{f.inner->example} + '}'))
    return std::nullopt;
  option::section_list all;
  for (const auto& [key, child] : node.entries) {
    auto own = path + '.' + key->text;
    auto named = check_name({key->text, key->at}, own, true);
    auto inner = read(*child, *f.inner, key->at, own);
    if (named)
      all.emplace_back(text_at{key->text, key->at}, std::make_shared<const options>(std::move(inner)));
  }
  return all;
}

} // namespace tidemill
