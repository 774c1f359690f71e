#include "pipeline/cel/term.hpp"

#include <algorithm>
#include <array>

namespace tidemill::cel {

term::term(const type& t) : of(t.of()), nullable(t.nullable()) {
  if (of == kind::list || of == kind::optional)
    args.emplace_back(t.first());
  if (of == kind::map) {
    args.emplace_back(t.first());
    args.emplace_back(t.second());
  }
}

term unifier::fresh() {
  term t;
  t.variable = static_cast<int>(bound_.size());
  bound_.emplace_back();
  return t;
}

void unifier::bind(int variable, term to) {
  auto& cell = bound_[static_cast<std::size_t>(variable)];
  trail_.emplace_back(variable, std::move(cell));
  cell = std::move(to);
}

void unifier::undo(std::size_t mark) {
  for (; trail_.size() > mark; trail_.pop_back())
    bound_[static_cast<std::size_t>(trail_.back().first)] = std::move(trail_.back().second);
}

term unifier::shallow(const term& t) const {
  const auto* at = &t;
  while (at->variable >= 0) {
    const auto& next = bound_[static_cast<std::size_t>(at->variable)];
    if (!next)
      break;
    at = &*next;
  }
  auto out = *at;
  out.nullable |= t.nullable && at->variable < 0;
  return out;
}

bool unifier::occurs(int variable, const term& in) const {
  auto t = shallow(in);
  if (t.variable >= 0)
    return t.variable == variable;
  return std::any_of(t.args.begin(), t.args.end(), [&](const term& a) { return occurs(variable, a); });
}

bool unifier::more_general(const term& a, const term& b) const {
  auto x = shallow(a), y = shallow(b);
  if (x.is(kind::dyn) || x.variable >= 0)
    return true;
  if (y.is(kind::dyn) || y.variable >= 0 || x.of != y.of || (y.nullable && !x.nullable))
    return false;
  for (std::size_t i = 0; i < x.args.size(); ++i)
    if (!more_general(x.args[i], y.args[i]))
      return false;
  return true;
}

term unifier::most_general(const term& a, const term& b) const {
  auto x = shallow(a), y = shallow(b);
  if (x.is(kind::null_type) || y.is(kind::null_type)) {
    auto& other = x.is(kind::null_type) ? y : x;
    other.nullable = other.variable < 0 && !other.is(kind::null_type) && !other.is(kind::dyn);
    return other;
  }
  return more_general(x, y) ? x : y;
}

bool unifier::assign_variable(const term& from, const term& variable) {
  auto known = shallow(variable);
  // A variable bound to another is that other one.
  auto name = variable.variable;
  for (const auto* next = &bound_[static_cast<std::size_t>(name)]; *next && (*next)->variable >= 0;
       next = &bound_[static_cast<std::size_t>(name)])
    name = (*next)->variable;
  if (known.variable >= 0) {
    auto to = shallow(from);
    if (to.variable == known.variable)
      return true;
    if (occurs(known.variable, to))
      return false;
    bind(known.variable, std::move(to));
    return true;
  }
  if (!assign(from, known))
    return false;
  auto wider = most_general(from, known);
  if (wider.variable < 0 && !occurs(name, wider))
    bind(name, std::move(wider));
  return true;
}

bool unifier::assign(const term& from, const term& to) {
  if (to.variable >= 0)
    return assign_variable(from, to);
  if (from.variable >= 0)
    return assign_variable(to, from);
  if (from.of == kind::dyn || to.of == kind::dyn)
    return true;
  auto takes_null = [](const term& t) {
    return t.nullable || t.of == kind::null_type || t.of == kind::timestamp || t.of == kind::duration ||
           t.of == kind::optional;
  };
  if (from.of == kind::null_type || to.of == kind::null_type)
    return takes_null(from) && takes_null(to);
  if (from.of != to.of)
    return false;
  for (std::size_t i = 0; i < from.args.size(); ++i)
    if (!assign(from.args[i], to.args[i]))
      return false;
  return true;
}

term unifier::join(const term& a, const term& b) {
  auto start = mark();
  if (assign(b, a))
    return most_general(a, b);
  undo(start);
  if (assign(a, b))
    return most_general(a, b);
  undo(start);
  return kind::dyn;
}

type unifier::deep(const term& t) const {
  auto x = shallow(t);
  if (x.variable >= 0)
    return {};
  auto arg = [&](std::size_t i) { return deep(x.args[i]); };
  auto plain = x.of == kind::list       ? type::list_of(arg(0))
               : x.of == kind::map      ? type::map_of(arg(0), arg(1))
               : x.of == kind::optional ? type::optional_of(arg(0))
                                        : type{x.of};
  return plain.with_null(x.nullable);
}

std::string unifier::print(const term& t) const {
  auto of = deep(t);
  return of.is(kind::null_type) ? "null" : to_string(of);
}

term unifier::instantiate(const term& t, std::vector<term>& made) {
  if (t.variable >= 0) {
    while (made.size() <= static_cast<std::size_t>(t.variable))
      made.push_back(fresh());
    return made[static_cast<std::size_t>(t.variable)];
  }
  auto out = t;
  for (auto& arg : out.args)
    arg = instantiate(arg, made);
  return out;
}

namespace {

struct named_kind {
  std::string_view name;
  kind of;
};
constexpr std::array<named_kind, 14> kinds{{{"bool", kind::boolean},
                                            {"int", kind::integer},
                                            {"uint", kind::uinteger},
                                            {"double", kind::real},
                                            {"decimal", kind::decimal},
                                            {"string", kind::string},
                                            {"bytes", kind::bytes},
                                            {"timestamp", kind::timestamp},
                                            {"duration", kind::duration},
                                            {"type", kind::type},
                                            {"ip", kind::ip},
                                            {"cidr", kind::cidr},
                                            {"null", kind::null_type},
                                            {"dyn", kind::dyn}}};

std::string_view trimmed(std::string_view s) {
  while (!s.empty() && s.front() == ' ')
    s.remove_prefix(1);
  while (!s.empty() && s.back() == ' ')
    s.remove_suffix(1);
  return s;
}

} // namespace

term parse_term(std::string_view text) {
  text = trimmed(text);
  if (text.front() == '?')
    return {kind::optional, {parse_term(text.substr(1))}};
  auto inner = text.substr(1, text.size() - 2);
  if (text.front() == '[')
    return {kind::list, {parse_term(inner)}};
  if (text.front() == '{') // keys are never compound
    return {kind::map,
            {parse_term(inner.substr(0, inner.find(':'))), parse_term(inner.substr(inner.find(':') + 1))}};
  if (text.size() == 1) {
    term t;
    t.variable = text.front() - 'A';
    return t;
  }
  return std::find_if(kinds.begin(), kinds.end(), [&](const named_kind& k) { return k.name == text; })->of;
}

} // namespace tidemill::cel
