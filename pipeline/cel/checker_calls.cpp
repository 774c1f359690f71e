#include "event/time_zone.hpp"
#include "pipeline/cel/call.hpp"
#include "pipeline/cel/checker_state.hpp"

#include <algorithm>
#include <array>

namespace tidemill::cel {
namespace {

/// Names of other languages, and what they are called here.
constexpr std::array<std::array<std::string_view, 2>, 34> foreign{{{"length", "size()"},
                                                                   {"len", "size()"},
                                                                   {"count", "size()"},
                                                                   {"toLower", "lowerAscii()"},
                                                                   {"lower", "lowerAscii()"},
                                                                   {"toLowerCase", "lowerAscii()"},
                                                                   {"toUpper", "upperAscii()"},
                                                                   {"upper", "upperAscii()"},
                                                                   {"toUpperCase", "upperAscii()"},
                                                                   {"substr", "substring()"},
                                                                   {"strip", "trim()"},
                                                                   {"includes", "contains()"},
                                                                   {"like", "matches()"},
                                                                   {"regex", "matches()"},
                                                                   {"isNull", "== null"},
                                                                   {"isEmpty", "size() == 0"},
                                                                   {"coalesce", "event.?x.orValue(y)"},
                                                                   {"ifnull", "event.?x.orValue(y)"},
                                                                   {"default", "event.?x.orValue(y)"},
                                                                   {"abs", "math.abs()"},
                                                                   {"floor", "math.floor()"},
                                                                   {"ceil", "math.ceil()"},
                                                                   {"round", "math.round()"},
                                                                   {"min", "math.least()"},
                                                                   {"max", "math.greatest()"},
                                                                   {"sqrt", "math.sqrt()"},
                                                                   {"parseInt", "int()"},
                                                                   {"float", "double()"},
                                                                   {"str", "string()"},
                                                                   {"concat", "+"},
                                                                   {"any", "exists(x, …)"},
                                                                   {"reduce", "map() or exists()"},
                                                                   {"year", "getFullYear()"},
                                                                   {"epoch", "int(t)"}}};

constexpr std::array<std::string_view, 13> macro_names{
    "has",    "all",        "exists",        "exists_one",   "existsOne",         "map", "filter",
    "optMap", "optFlatMap", "transformList", "transformMap", "transformMapEntry", "bind"};

bool variadic(fn f) {
  return f == fn::greatest || f == fn::least;
}

} // namespace

const function* checker::callee(const node& n, bool& drop_target) {
  drop_target = false;
  if (!n.member)
    return find_function(n.name);
  const auto& base = base_of(*n.args[0]);
  if (auto space = dotted_name(*n.args[0]); space && !find_local(base.name) && !find_variable(base.name))
    if (const auto* f = find_function(*space + "." + n.name)) {
      drop_target = true;
      return f;
    }
  return find_function("." + n.name);
}

typed checker::call(const node& n) {
  bool drop_target = false;
  const auto* f = callee(n, drop_target);
  if (!f)
    return unknown_function(n);
  // `event["x"]` reads like a field; say what to write instead.
  if (n.name == "_[_]" && is_event(*n.args[0]) && n.args[1]->literal.of() == kind::string)
    return fail(n.args[0]->at, "`event` is the whole row: only its fields can be used",
                "write event." + *n.args[1]->literal.get_if<std::string>());
  std::vector<typed> args;
  bool good = true;
  for (std::size_t i = drop_target ? 1 : 0; i < n.args.size(); ++i) {
    args.push_back(check(*n.args[i]));
    good &= bool{args.back()};
  }
  if (!good)
    return {};
  return variadic(f->id) ? numbers(n, *f, args) : resolve(n, *f, std::move(args));
}

typed checker::resolve(const node& n, const function& f, std::vector<typed> args) {
  std::optional<term> of;
  for (const auto& o : f.overloads) {
    if (options_.unchecked) {
      of = term{kind::dyn};
      break;
    }
    if (o.params.size() != args.size())
      continue;
    auto start = types_.mark();
    std::vector<term> made;
    bool fits = true;
    for (std::size_t i = 0; fits && i < args.size(); ++i)
      fits = types_.assign(args[i].of, types_.instantiate(o.params[i], made));
    if (!fits) {
      types_.undo(start);
      continue;
    }
    auto result = types_.instantiate(o.result, made);
    if (of && !(types_.print(*of) == types_.print(result)))
      result = kind::dyn;
    of = result;
  }
  if (!of) {
    std::vector<std::string> printed;
    std::vector<term> terms;
    for (const auto& a : args) {
      terms.push_back(types_.shallow(a.of));
      printed.push_back(types_.print(a.of));
    }
    auto method = f.name.front() == '.';
    return fail(n.at,
                "no such overload: " + describe_call(method ? f.name.substr(1) : f.name, method, printed),
                overload_hint(n, f.id, terms));
  }
  auto t = emit(op::call, n, *of);
  t.at->function = f.id;
  t.at->name = f.name;
  for (const auto& a : args)
    t.at->args.push_back(a.at);
  return check_literals(n, f, t.at) ? t : typed{};
}

/// `math.greatest` and `math.least`: numbers, or one list of them.
typed checker::numbers(const node& n, const function& f, const std::vector<typed>& args) {
  std::optional<term> of;
  bool good = !args.empty();
  auto take = [&](const term& t) {
    auto x = types_.shallow(t);
    good &= x.numeric() || x.is(kind::dyn) || x.variable >= 0;
    of = of ? types_.join(*of, x) : x;
  };
  auto only = args.size() == 1 ? types_.shallow(args[0].of) : term{};
  if (only.is(kind::list))
    take(only.args[0]);
  else
    for (const auto& a : args)
      take(a.of);
  if (!good && !options_.unchecked)
    return fail(n.at, std::string{f.name} + "() takes numbers, or one list of numbers");
  auto result = of ? types_.shallow(*of) : term{};
  result.nullable = false;
  auto t = emit(op::call, n, std::move(result));
  t.at->function = f.id;
  t.at->name = f.name;
  for (const auto& a : args)
    t.at->args.push_back(a.at);
  return t;
}

typed checker::unknown_function(const node& n) {
  if (options_.unchecked)
    return run_time_error(n, "unknown function `" + n.name + "`");
  std::vector<std::string> candidates;
  for (const auto& f : functions())
    candidates.emplace_back(f.name.substr(f.name.front() == '.' ? 1 : 0));
  std::string hint, full = n.name;
  auto space = n.member ? dotted_name(*n.args[0]) : std::nullopt;
  bool is_namespace = space &&
                      (*space == "math" || *space == "optional" || *space == "strings" ||
                       *space == "base64" || *space == "cel") &&
                      !find_variable(*space);
  if (is_namespace)
    full = *space + "." + n.name;
  auto at = std::find_if(foreign.begin(), foreign.end(), [&](const auto& f) { return f[0] == n.name; });
  if (std::find(macro_names.begin(), macro_names.end(), n.name) != macro_names.end() && !is_namespace)
    hint = n.name == "has" ? "it takes one field: has(event.x)"
                           : "a macro is called like list." + n.name + "(x, …)";
  else if (!n.member && find_function("." + n.name))
    hint = "it is a method: write x." + n.name + "(…)";
  else if (n.member && find_function(n.name))
    hint = "write " + n.name + "(" + to_text(*n.args[0]) + ")";
  else if (n.name == "now")
    hint = "expressions read no clock, as a replay must give the same answer; use the event's own time";
  else if (at != foreign.end())
    hint = "write " + std::string{(*at)[1]};
  else
    hint = suggest(full, candidates);
  return fail(n.at, "unknown function `" + full + "`", hint);
}

/// Patterns, times and zones that are written out are checked at once: they can only fail later.
bool checker::check_literals(const node& n, const function& f, code* c) {
  if (c->args.empty())
    return true;
  const auto& last = *c->args.back();
  const auto* text = last.what == op::constant ? last.literal.get_if<std::string>() : nullptr;
  if (!text)
    return true;
  std::string why;
  if (f.id == fn::matches) {
    c->regex = pattern::compile(*text, why);
    if (!c->regex)
      why = "not a regular expression: " + why;
  } else if (f.id == fn::to_duration) {
    if (auto d = parse_cel_duration(*text); !d)
      why = "not a duration: " + d.error().text();
  } else if (f.id == fn::to_timestamp) {
    if (auto t = parse_rfc3339(*text); !t)
      why = "not a timestamp: " + t.error().text();
  } else if (f.id >= fn::full_year && f.id <= fn::milliseconds && c->args.size() == 2) {
    if (auto z = find_time_zone(*text); !z)
      why = z.error().text();
  } else if (f.id == fn::to_ip || f.id == fn::contains_ip) {
    if (auto a = parse_ip(*text); !a)
      why = a.error().text();
  } else if (f.id == fn::to_cidr || f.id == fn::contains_cidr) {
    if (auto b = parse_cidr(*text); !b)
      why = b.error().text();
  }
  if (why.empty() || options_.unchecked)
    return true;
  fail(n.args.back()->at, why);
  return false;
}

} // namespace tidemill::cel
