#include "pipeline/cel/checker_state.hpp"

#include <algorithm>
#include <array>

namespace tidemill::cel {
namespace {

struct named_type {
  std::string_view name;
  kind of;
};
constexpr std::array<named_type, 18> type_names{{{"bool", kind::boolean},
                                                 {"int", kind::integer},
                                                 {"uint", kind::uinteger},
                                                 {"double", kind::real},
                                                 {"decimal", kind::decimal},
                                                 {"string", kind::string},
                                                 {"bytes", kind::bytes},
                                                 {"list", kind::list},
                                                 {"map", kind::map},
                                                 {"null_type", kind::null_type},
                                                 {"type", kind::type},
                                                 {"optional_type", kind::optional},
                                                 {"net.IP", kind::ip},
                                                 {"net.CIDR", kind::cidr},
                                                 {"timestamp", kind::timestamp},
                                                 {"duration", kind::duration},
                                                 {"google.protobuf.Timestamp", kind::timestamp},
                                                 {"google.protobuf.Duration", kind::duration}}};

} // namespace

std::optional<std::string> dotted_name(const node& n) {
  if (n.what == node_kind::name)
    return n.name;
  if (n.what != node_kind::select || n.test || n.optional || n.quoted)
    return {};
  auto head = dotted_name(*n.args[0]);
  return head ? std::optional{*head + "." + n.name} : std::nullopt;
}

const node& base_of(const node& n) {
  const auto* at = &n;
  while (at->what == node_kind::select)
    at = at->args[0];
  return *at;
}

const variable* checker::find_variable(std::string_view text) const {
  for (const auto& v : names_.variables)
    if (v.name == text)
      return &v;
  return nullptr;
}

std::optional<std::size_t> checker::find_local(std::string_view text) const {
  for (auto i = locals_.size(); i-- > 0;)
    if (locals_[i].name == text)
      return i;
  return {};
}

bool checker::is_event(const node& n) const {
  return names_.event && n.what == node_kind::name && n.name == "event" && !n.rooted &&
         !find_local("event") && !find_variable("event");
}

std::vector<std::string> checker::visible_names() const {
  std::vector<std::string> out;
  for (const auto& v : names_.variables)
    out.push_back(v.name);
  for (const auto& l : locals_)
    out.push_back(l.name);
  return out;
}

typed checker::use(const variable& v, const node& n, op how) {
  term of{v.of};
  if (how == op::present)
    of = kind::boolean;
  if (how == op::optional_slot) {
    of.nullable = false;
    of = term{kind::optional, {of}};
  }
  auto t = emit(how, n, std::move(of));
  t.at->slot = v.slot;
  t.at->name = v.name;
  out_->slots.push_back(v.slot);
  return t;
}

std::optional<typed> checker::type_name(std::string_view text, const node& n) {
  auto found =
      std::find_if(type_names.begin(), type_names.end(), [&](const named_type& t) { return t.name == text; });
  if (found == type_names.end())
    return {};
  auto t = emit(op::constant, n, kind::type);
  t.at->literal = type{found->of};
  return t;
}

std::optional<typed> checker::declared(std::string_view text, const node& n) {
  if (const auto* v = find_variable(text))
    return use(*v, n, op::slot);
  return type_name(text, n);
}

/// Tries `text` in the container and in all that surround it.
std::optional<typed> checker::lookup(const std::string& text, const node& n, bool rooted) {
  for (auto scope = rooted ? std::string{} : options_.container; !scope.empty();) {
    if (auto t = declared(scope + "." + text, n))
      return t;
    auto dot = scope.rfind('.');
    scope.resize(dot == std::string::npos ? 0 : dot);
  }
  return declared(text, n);
}

typed checker::name(const node& n) {
  if (!n.rooted)
    if (auto at = find_local(n.name)) {
      auto t = emit(op::local, n, locals_[*at].of);
      t.at->slot = *at;
      return t;
    }
  if (auto t = lookup(n.name, n, n.rooted))
    return *t;
  return is_event(n) ? whole_row(n) : unknown_name(n, n.name);
}

typed checker::whole_row(const node& n) {
  return fail(n.at, "`event` is the whole row: only its fields can be used",
              "write event.x, event.?x.orValue(0) or has(event.x)");
}

typed checker::unknown_name(const node& n, const std::string& text) {
  if (options_.unchecked)
    return run_time_error(n, "unknown name `" + text + "`");
  std::string hint;
  if (text == "nil" || text == "None" || text == "undefined" || text == "NULL")
    hint = "write null";
  else if (text == "True" || text == "False" || text == "TRUE" || text == "FALSE")
    hint = "write true or false";
  else if (text == "now")
    hint = "expressions read no clock, as a replay must give the same answer; use the event's own time";
  else
    hint = suggest(text, visible_names());
  std::string below;
  for (const auto& v : names_.variables)
    if (v.name.starts_with(text + "."))
      below += (below.empty() ? "" : ", ") + v.name;
  if (!below.empty())
    return fail(n.at, "`" + text + "` is no value by itself", "there is " + below);
  return fail(n.at, "unknown name `" + text + "`", hint);
}

/// The longest declared name that a chain of selections spells, if this node is the end of it.
std::optional<typed> checker::dotted(const node& n) {
  const auto& base = base_of(n);
  if (base.what != node_kind::name || (!base.rooted && find_local(base.name)))
    return {};
  auto text = dotted_name(n);
  return text ? lookup(*text, n, base.rooted) : std::nullopt;
}

/// `has(a.b)` and `a.?b` where `a.b` is a column.
typed checker::dotted_column(const node& n) {
  auto head = dotted_name(*n.args[0]);
  const auto& base = base_of(n);
  if (!head || base.rooted || find_local(base.name))
    return {};
  const auto* v = find_variable(*head + "." + n.name);
  return v ? use(*v, n, n.test ? op::present : op::optional_slot) : typed{};
}

/// A selection whose chain begins with `event`: the field of a column. Null code and no fault if it goes on
/// behind a column.
typed checker::event_field(const node& n) {
  const auto how = n.test ? op::present : n.optional ? op::optional_slot : op::slot;
  // A column may have a dotted name of its own; `event.a.b` is column a.b, or field b of column a.
  std::string text = n.name;
  const auto* at = n.args[0];
  for (; at->what == node_kind::select && !at->test && !at->optional && !at->quoted; at = at->args[0])
    text = at->name + "." + text;
  if (!is_event(*at))
    return {};
  if (const auto* v = find_variable(text); v && v->field)
    return use(*v, n, how);
  if (at != n.args[0])
    return {};
  return fail(n.at, "the event has no field `" + n.name + "`", suggest(n.name, visible_names()));
}

typed checker::select(const node& n) {
  auto before = faults_.size();
  if (auto t = event_field(n); t || faults_.size() > before)
    return t;
  if (!n.test && !n.optional && !n.quoted)
    if (auto t = dotted(n))
      return *t;
  if (n.test || n.optional)
    if (auto t = dotted_column(n))
      return t;
  auto operand = check(*n.args[0]);
  return operand ? field_of(n, std::move(operand)) : typed{};
}

typed checker::field_of(const node& n, typed operand) {
  auto of = types_.shallow(operand.of);
  bool optional = of.is(kind::optional);
  if (optional)
    of = types_.shallow(of.args[0]);
  term field = kind::dyn;
  if (of.is(kind::map)) {
    auto start = types_.mark();
    if (!types_.assign(kind::string, of.args[0])) {
      types_.undo(start);
      return fail(n.at, "this map has no field `" + n.name + "`: its keys are " + types_.print(of.args[0]),
                  "write m[key]");
    }
    field = of.args[1];
  } else if (of.variable < 0 && !of.is(kind::dyn)) {
    std::string hint = of.is(kind::list) ? "write list[0], or list.exists(x, x." + n.name + " == …)"
                       : find_function("." + n.name) ? "write ." + n.name + "()"
                                                     : "";
    return fail(n.at, types_.print(of) + " has no field `" + n.name + "`", hint);
  }
  if (optional || n.optional)
    field = term{kind::optional, {field}};
  auto t = emit(op::select, n, n.test ? term{kind::boolean} : field);
  t.at->args = {operand.at};
  t.at->name = n.name;
  t.at->literal = n.name; // the key to look up
  t.at->test = n.test;
  t.at->optional = n.optional;
  return t;
}

} // namespace tidemill::cel
