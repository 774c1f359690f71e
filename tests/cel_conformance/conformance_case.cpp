#include "tests/cel_conformance/conformance_case.hpp"

#include "event/json_parse.hpp"
#include "pipeline/cel/call.hpp"

#include <algorithm>
#include <map>

namespace tidemill::test {
namespace {

using names = std::map<std::string, kind, std::less<>>;

// As CEL prints them.
const names value_types{{"bool", kind::boolean},
                        {"int", kind::integer},
                        {"uint", kind::uinteger},
                        {"double", kind::real},
                        {"string", kind::string},
                        {"bytes", kind::bytes},
                        {"list", kind::list},
                        {"map", kind::map},
                        {"null_type", kind::null_type},
                        {"type", kind::type},
                        {"optional_type", kind::optional},
                        {"net.IP", kind::ip},
                        {"net.CIDR", kind::cidr},
                        {"google.protobuf.Timestamp", kind::timestamp},
                        {"google.protobuf.Duration", kind::duration}};
// As declarations write them.
const names declared_types{
    {"bool", kind::boolean},        {"int", kind::integer},      {"uint", kind::uinteger},
    {"double", kind::real},         {"string", kind::string},    {"bytes", kind::bytes},
    {"null", kind::null_type},      {"dyn", kind::dyn},          {"any", kind::dyn},
    {"timestamp", kind::timestamp}, {"duration", kind::duration}};
const std::map<std::string, std::string, std::less<>> not_offered{
    {"proto", "protobuf messages are not offered"},
    {"proto_ext", "protobuf messages are not offered"},
    {"strong_enums", "protobuf enums are not offered"},
    {"block", "the form of an optimiser, which no user writes"},
    {"custom_functions", "functions declared by the case"}};

error malformed(std::string text) {
  return {errc::event_malformed, std::move(text)};
}

const value* find(const value& object, std::string_view key) {
  if (const auto* m = object.as_map())
    for (const auto& [k, v] : *m)
      if (*k.get_if<std::string>() == key)
        return &v;
  return nullptr;
}

/// An absent field is the fallback.
template <class T>
result<T> field(const value& object, std::string_view key, std::optional<T> fallback = {}) {
  const auto* v = find(object, key);
  if (!v && fallback)
    return *fallback;
  if (const auto* x = v ? v->get_if<T>() : nullptr)
    return *x;
  return malformed("`" + std::string{key} + "` is missing or has a wrong type");
}

/// A number of its kind, or an error.
template <class T>
value number(const std::string& text) {
  T out{};
  return cel::parse_number(text, out) ? value{out} : value{malformed("\"" + text + "\" is no such number")};
}

value decode(const value& v);

value decode_list(const value_list& items) {
  value_list out;
  for (const auto& item : items) {
    out.push_back(decode(item));
    if (out.back().is_error())
      return out.back();
  }
  return out;
}

value decode_map(const value_list& entries) {
  value_map out;
  for (const auto& entry : entries) {
    const auto* pair = entry.as_list();
    if (!pair || pair->size() != 2)
      return malformed("an entry of a map is no pair");
    out.emplace_back(decode((*pair)[0]), decode((*pair)[1]));
    for (const auto& v : {out.back().first, out.back().second})
      if (v.is_error())
        return v;
  }
  return out;
}

template <class T>
value parsed(result<T> r) {
  return r ? value{*r} : value{r.error()};
}

value decode_text(std::string_view what, const std::string& text) {
  if (what == "string")
    return text;
  if (what == "int")
    return number<std::int64_t>(text);
  if (what == "uint")
    return number<std::uint64_t>(text);
  if (what == "double")
    return number<double>(text);
  if (what == "bytes") {
    cel::budget left;
    value argument{text};
    const value* args[] = {&argument};
    return cel::call(cel::fn::base64_decode, args, left);
  }
  if (what == "timestamp")
    return parsed(parse_rfc3339(text));
  if (what == "duration")
    return parsed(parse_cel_duration(text));
  auto at = value_types.find(text);
  if (what == "type" && at != value_types.end())
    return type{at->second};
  return malformed("a value `" + std::string{what} + "` of \"" + text + "\" is not known");
}

/// A value as the cases write it: an object with one key, its type. An error: it is none.
value decode(const value& v) {
  const auto* m = v.as_map();
  if (!m || m->size() != 1)
    return malformed("a value is no object with one key");
  const auto& [key, x] = m->front();
  const auto& what = *key.get_if<std::string>();
  if (const auto* text = x.get_if<std::string>())
    return decode_text(what, *text);
  if ((what == "bool" && x.get_if<bool>()) || (what == "null" && x.is_null()))
    return x;
  if (const auto* items = x.as_list(); items && what == "list")
    return decode_list(*items);
  if (const auto* entries = x.as_list(); entries && what == "map")
    return decode_map(*entries);
  return malformed("a value `" + what + "` is not known");
}

/// Nothing: a type that we don't have.
std::optional<type> decode_type(const value& t) {
  if (const auto* s = t.get_if<std::string>()) {
    auto at = declared_types.find(*s);
    return at == declared_types.end() ? std::nullopt : std::optional<type>{at->second};
  }
  if (const auto* l = find(t, "list")) {
    auto e = decode_type(*l);
    return e ? std::optional{type::list_of(*e)} : std::nullopt;
  }
  if (const auto* w = find(t, "wrapper")) {
    auto inner = decode_type(*w);
    return inner ? std::optional{inner->with_null()} : std::nullopt;
  }
  const auto* m = find(t, "map");
  if (const auto* pair = m ? m->as_list() : nullptr; pair && pair->size() == 2) {
    auto k = decode_type((*pair)[0]), v = decode_type((*pair)[1]);
    return k && v ? std::optional{type::map_of(*k, *v)} : std::nullopt;
  }
  const auto* name = find(t, "abstract");
  const auto* params = find(t, "params");
  if (const auto* list = params ? params->as_list() : nullptr;
      name && *name == value{"optional_type"} && list && list->size() == 1) {
    auto held = decode_type(list->front());
    return held ? std::optional{type::optional_of(*held)} : std::nullopt;
  }
  return find(t, "type") ? std::optional<type>{kind::type} : std::nullopt;
}

status read_needs(const value& c, conformance_case& out) {
  TIDEMILL_TRY(auto needs, field<value::list_ptr>(c, "needs", std::make_shared<const value_list>()));
  for (const auto& need : *needs) {
    const auto* name = need.get_if<std::string>();
    if (!name)
      return malformed("`needs` is no list of texts");
    out.needs.push_back(*name);
    if (auto at = not_offered.find(*name); at != not_offered.end() && out.skip.empty())
      out.skip = at->second;
  }
  return {};
}

status read_declarations(const value& c, conformance_case& out) {
  TIDEMILL_TRY(auto all, field<value::list_ptr>(c, "type_env", std::make_shared<const value_list>()));
  for (const auto& d : *all) {
    TIDEMILL_TRY(auto name, field<std::string>(d, "name"));
    const auto* of = find(d, "type");
    if (!of && !find(d, "overloads"))
      return malformed("a declaration of `type_env` has neither `type` nor `overloads`");
    auto known = of ? decode_type(*of) : std::nullopt;
    if (!known && out.skip.empty())
      out.skip = of ? "a variable has a type that is not offered" : "functions declared by the case";
    out.variables.push_back({std::move(name), known.value_or(type{}), true, {}});
  }
  return {};
}

status read_bindings(const value& c, conformance_case& out) {
  TIDEMILL_TRY(auto bindings, field<value::map_ptr>(c, "bindings", std::make_shared<const value_map>()));
  for (const auto& [key, v] : *bindings) {
    const auto& name = *key.get_if<std::string>();
    auto bound = decode(v);
    if (bound.is_error())
      return bound.as_error().in(name);
    auto at = std::find_if(out.variables.begin(), out.variables.end(),
                           [&](const conformance_variable& x) { return x.name == name; });
    if (at == out.variables.end())
      out.variables.push_back({name, {}, false, std::move(bound)});
    else
      at->bound = std::move(bound);
  }
  return {};
}

status read_wish(const value& c, conformance_case& out) {
  const auto* expect = find(c, "expect");
  if (!expect || !expect->as_map())
    return malformed("`expect` is missing or no object");
  const auto* wanted = find(*expect, "value");
  const auto* of = find(*expect, "type");
  out.wish.error = find(*expect, "error") != nullptr;
  if (!out.wish.error && !wanted && !of)
    return malformed("`expect` has none of `value`, `type`, `error`");
  if (wanted) {
    out.wish.result = decode(*wanted);
    if (out.wish.result->is_error())
      return out.wish.result->as_error();
  }
  if (of) {
    out.wish.of = decode_type(*of);
    if (!out.wish.of)
      out.skip = "a result has a type that is not offered";
  }
  return {};
}

} // namespace

result<conformance_case> parse_conformance_case(std::string_view line) {
  TIDEMILL_TRY(auto c, parse_json(line));
  if (!c.as_map())
    return malformed("it is no JSON object");
  conformance_case out;
  for (auto part : {"file", "section", "name"}) {
    TIDEMILL_TRY(auto text, field<std::string>(c, part));
    out.id += (out.id.empty() ? "" : "/") + text;
  }
  TIDEMILL_TRY(out.expr, field<std::string>(c, "expr"));
  TIDEMILL_TRY(out.container, field<std::string>(c, "container", ""));
  TIDEMILL_TRY(out.unchecked, field<bool>(c, "disable_check", false));
  TIDEMILL_TRY(out.check_only, field<bool>(c, "check_only", false));
  TIDEMILL_CHECK(read_needs(c, out));
  TIDEMILL_TRY(auto no_macros, field<bool>(c, "disable_macros", false));
  if (no_macros && out.skip.empty())
    out.skip = "macros are always expanded";
  if (!out.skip.empty())
    return out; // its values may be of kinds that don't exist here
  TIDEMILL_CHECK(read_declarations(c, out));
  if (!out.skip.empty())
    return out;
  TIDEMILL_CHECK(read_bindings(c, out));
  TIDEMILL_CHECK(read_wish(c, out));
  return out;
}

} // namespace tidemill::test
