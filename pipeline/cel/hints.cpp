#include "pipeline/cel/checker.hpp"
#include "pipeline/cel/parser.hpp"

#include <algorithm>
#include <numeric>

namespace tidemill::cel {
namespace {

char folded(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// Levenshtein's distance, letters' case ignored.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    auto diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      auto replaced = diagonal + (folded(a[i]) == folded(b[j]) ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, diagonal + 1, row[j] + 1});
    }
  }
  return row.back();
}

/// What an operator with two different number types should have been.
std::string number_hint(const node& call, const std::vector<term>& args) {
  auto convert = [&](std::size_t which, const char* to) {
    const auto& n = *call.args[which];
    if (n.what == node_kind::literal && std::string_view{to} == "double")
      return "write " + to_text(n) + ".0";
    if (n.what == node_kind::literal && std::string_view{to} == "uint" && args[which].is(kind::integer))
      return "write " + to_text(n) + "u";
    auto text = to_text(n);
    if (text.front() == '(')
      text = text.substr(1, text.size() - 2);
    return "write " + std::string{to} + "(" + text + ")";
  };
  auto side = [&](kind k) { return args[0].is(k) ? 0u : 1u; };
  auto has = [&](kind k) { return args[0].is(k) || args[1].is(k); };
  if (has(kind::decimal))
    return convert(1 - side(kind::decimal), "decimal");
  if (has(kind::real))
    return convert(1 - side(kind::real), "double");
  auto other = side(kind::integer);
  return call.args[other]->what == node_kind::literal ? convert(other, "uint") : convert(1 - other, "int");
}

std::string binary_hint(const node& call, fn function, const std::vector<term>& args) {
  auto left = to_text(*call.args[0]), right = to_text(*call.args[1]);
  auto has = [&](kind k) { return args[0].is(k) || args[1].is(k); };
  bool equality = function == fn::eq || function == fn::ne;
  if (args[0].numeric() && args[1].numeric())
    return function == fn::mod ? "% takes int or uint: convert with int(…)" : number_hint(call, args);
  if (equality && has(kind::null_type))
    return "it is never null; a field that may be is declared with ?";
  if (equality && has(kind::optional))
    return "write .orValue(…) or optional.of(…)";
  if (has(kind::string) && function == fn::add)
    return "write string(" + (args[0].is(kind::string) ? right : left) + ")";
  if (has(kind::string) && (args[0].numeric() || args[1].numeric()))
    return "a number is written without quotes; or convert with string(…), int(…)";
  if (has(kind::string) && has(kind::timestamp))
    return "write timestamp(" + (args[0].is(kind::string) ? left : right) + ")";
  if (has(kind::timestamp) && args[1].numeric())
    return equality || function > fn::not_ ? "write timestamp(" + right + "), which takes epoch seconds"
                                           : "write duration(\"" + right + "s\")";
  if (has(kind::duration) && has(kind::integer))
    return "a duration is written duration(\"90s\")";
  if (has(kind::string) && has(kind::duration))
    return "write duration(" + (args[0].is(kind::string) ? left : right) + ")";
  return {};
}

std::string index_hint(const node& call, const std::vector<term>& args) {
  auto target = to_text(*call.args[0]), key = to_text(*call.args[1]);
  if (args[0].is(kind::string))
    return "write " + target + ".charAt(" + key + ")";
  if (args[0].is(kind::list))
    return args[1].numeric() ? "write int(" + key + ")" : "a list is indexed by int";
  if (args[0].is(kind::map))
    return "the keys of this map have another type";
  return {};
}

} // namespace

std::optional<std::string> nearest(std::string_view name, const std::vector<std::string>& candidates) {
  const std::string* best = nullptr;
  auto limit = std::max<std::size_t>(1, name.size() / 3);
  for (const auto& c : candidates) {
    if (c.size() > name.size() + limit || name.size() > c.size() + limit || name.size() > 100)
      continue;
    if (auto d = distance(name, c); d <= limit) {
      best = &c;
      limit = d == 0 ? 0 : d - 1;
    }
  }
  return best ? std::optional{*best} : std::nullopt;
}

std::string suggest(std::string_view name, const std::vector<std::string>& candidates) {
  auto found = nearest(name, candidates);
  return found ? "did you mean `" + *found + "`?" : "";
}

std::string describe_call(std::string_view name, bool member, const std::vector<std::string>& args) {
  if (name == "_[_]" || name == "_[?_]")
    return args[0] + (name == "_[_]" ? "[" : "[?") + args[1] + "]";
  if (name == "@in")
    return args[0] + " in " + args[1];
  if (name.size() > 2 && name.front() == '_' && name.back() == '_' && args.size() == 2)
    return args[0] + " " + std::string{name.substr(1, name.size() - 2)} + " " + args[1];
  if (name == "!_" || name == "-_")
    return std::string{name.substr(0, 1)} + args[0];
  auto out = member ? args[0] + "." : std::string{};
  out += std::string{name} + "(";
  for (std::size_t i = member ? 1 : 0; i < args.size(); ++i)
    out += (i > (member ? 1u : 0u) ? ", " : "") + args[i];
  return out + ")";
}

std::string overload_hint(const node& call, fn function, const std::vector<term>& args) {
  if (function <= fn::ge && args.size() == 2)
    return binary_hint(call, function, args);
  switch (function) {
  case fn::index:
  case fn::opt_index:
    return args.size() == 2 ? index_hint(call, args) : "";
  case fn::in:
    if (args[1].is(kind::string))
      return "write " + to_text(*call.args[1]) + ".contains(" + to_text(*call.args[0]) + ")";
    return args[1].is(kind::list) || args[1].is(kind::map) ? "the elements have another type"
                                                           : "the right side is a list or a map";
  case fn::neg:
    return args[0].is(kind::uinteger) ? "write -int(" + to_text(*call.args[0]) + ")" : "";
  case fn::not_:
    return args[0].is(kind::string) ? "write " + to_text(*call.args[0]) + " == \"\"" : "";
  case fn::to_bool:
    return args.size() == 1 && args[0].numeric() ? "write " + to_text(*call.args[0]) + " != 0" : "";
  case fn::to_duration:
    return args.size() == 1 && args[0].numeric() ? "write duration(\"" + to_text(*call.args[0]) + "s\")" : "";
  default:
    break;
  }
  // What the function does take, as far as there are few ways.
  std::string out;
  std::size_t shown = 0;
  for (const auto& f : functions()) {
    bool method = f.name.front() == '.', spaced = !method && f.name.find('.') != std::string_view::npos;
    if (f.id != function || (!spaced && method != call.member))
      continue;
    for (const auto& o : f.overloads) {
      unifier types; // a signature's variables mean something only in here
      std::vector<term> made;
      std::vector<std::string> params;
      for (const auto& p : o.params)
        params.push_back(types.print(types.instantiate(p, made)));
      if (++shown <= 4)
        out +=
            (shown == 1 ? "it takes " : ", ") + describe_call(f.name.substr(method ? 1 : 0), method, params);
    }
  }
  return shown > 4 ? out + ", …" : out;
}

} // namespace tidemill::cel
