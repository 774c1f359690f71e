#include "pipeline/cel/interpreter.hpp"

#include "pipeline/cel/checker.hpp"

#include <array>

namespace tidemill::cel {

value interpreter::run(const code& c, budget& left) {
  left_ = &left;
  return eval(c);
}

value interpreter::slot(const code& c) const {
  if (batch_)
    return batch_->columns[c.slot].at(row_);
  return slots_[c.slot];
}

const value* interpreter::operand(const code& c, value& room) {
  if (c.what == op::constant)
    return &c.literal;
  if (c.what == op::local)
    return &locals_[c.slot];
  if (c.what == op::slot && !batch_)
    return &slots_[c.slot];
  room = eval(c);
  return &room;
}

value interpreter::eval(const code& c) {
  switch (c.what) {
  case op::constant:
    return c.literal;
  case op::slot:
    return slot(c);
  case op::local:
    return locals_[c.slot];
  case op::present:
    return !slot(c).is_null();
  case op::optional_slot: {
    auto v = slot(c);
    return v.is_null() ? optional_value{} : optional_value{std::make_shared<const value>(std::move(v))};
  }
  case op::call:
    return call_function(c);
  case op::logic_and:
  case op::logic_or:
    return logic(c);
  case op::ternary:
    return ternary(c);
  case op::list:
    return list(c);
  case op::map:
    return map(c);
  case op::select:
    return select(c);
  case op::fold:
    return fold(c);
  case op::bind: {
    auto init = eval(*c.args[0]);
    locals_[c.slot] = std::move(init); // an error shows where the variable is used
    auto out = eval(*c.args[1]);
    locals_[c.slot] = {};
    return out;
  }
  }
  return {};
}

value interpreter::located(const code& c, value v) const {
  return error{errc::evaluation, v.as_error().text() + at_place(c.at)};
}

value interpreter::mismatch(std::string_view name, place at, arguments args,
                            std::span<code* const> from) const {
  std::vector<std::string> kinds;
  for (const auto* a : args)
    kinds.push_back(a->is_null() ? "null" : to_string(type{a->of()}));
  bool member = name.starts_with('.');
  auto text = "no such overload: " + describe_call(name.substr(member ? 1 : 0), member, kinds);
  for (std::size_t i = 0; i < args.size(); ++i)
    if (args[i]->is_null() && from[i]->what == op::slot) {
      text += " (field \"" + from[i]->name + "\" is null)";
      break;
    }
  return error{errc::evaluation, text + at_place(at)};
}

/// `or` and `orValue` don't look at the other side if there is a value.
value interpreter::optional_or(const code& c) {
  value room;
  const auto* first = operand(*c.args[0], room);
  if (first->is_error())
    return *first;
  const auto* o = first->get_if<optional_value>();
  if (!o || c.args.size() != 2)
    return mismatch(c.name, c.at, {&first, 1}, c.args);
  if (o->held)
    return c.function == fn::or_ ? *first : *o->held;
  auto other = eval(*c.args[1]);
  if (c.function == fn::or_ && !other.is_error() && !other.get_if<optional_value>()) {
    std::array<const value*, 2> args{first, &other};
    return mismatch(c.name, c.at, args, c.args);
  }
  return other;
}

value interpreter::call_function(const code& c) {
  if (c.function == fn::or_ || c.function == fn::or_value)
    return optional_or(c);
  constexpr std::size_t few = 4;
  std::array<value, few> rooms;
  std::array<const value*, few> near;
  std::vector<value> more_rooms;
  std::vector<const value*> more;
  auto n = c.args.size();
  auto* room = rooms.data();
  const auto** args = near.data();
  if (n > few) {
    more_rooms.resize(n);
    more.resize(n);
    room = more_rooms.data();
    args = more.data();
  }
  for (std::size_t i = 0; i < n; ++i) {
    args[i] = operand(*c.args[i], room[i]);
    if (args[i]->is_error())
      return *args[i];
  }
  if (c.regex)
    if (const auto* s = args[0]->get_if<std::string>())
      return left_->read_bytes(s->size()) ? value{c.regex->find(*s)} : located(c, over_budget());
  arguments all{args, n};
  auto out = call(c.function, all, *left_);
  if (!out.is_error())
    return out;
  return out.as_error().text().empty() ? mismatch(c.name, c.at, all, c.args) : located(c, std::move(out));
}

value interpreter::logic(const code& c) {
  const bool decisive = c.what == op::logic_or;
  value first_error;
  for (const auto& arg : c.args) {
    value room;
    const auto* v = operand(*arg, room);
    const auto* b = v->get_if<bool>();
    if (b && *b == decisive)
      return decisive;
    if (b || first_error.is_error())
      continue;
    first_error = v->is_error() ? *v : mismatch(decisive ? "||" : "&&", c.at, {&v, 1}, {&arg, 1});
  }
  return first_error.is_error() ? first_error : value{!decisive};
}

value interpreter::ternary(const code& c) {
  value room;
  const auto* v = operand(*c.args[0], room);
  if (v->is_error())
    return *v;
  const auto* b = v->get_if<bool>();
  if (b)
    return eval(*c.args[*b ? 1 : 2]);
  return mismatch("?:", c.at, {&v, 1}, {c.args.data(), 1});
}

value interpreter::list(const code& c) {
  value_list out;
  out.reserve(c.args.size());
  for (std::size_t i = 0; i < c.args.size(); ++i) {
    auto v = eval(*c.args[i]);
    if (v.is_error())
      return v;
    if (!c.maybe[i]) {
      out.push_back(std::move(v));
      continue;
    }
    const auto* o = v.get_if<optional_value>();
    if (!o)
      return located(c, failure("no such overload: an element after ? must be an optional"));
    if (o->held)
      out.push_back(*o->held);
  }
  value made{std::move(out)};
  return left_->contents(made) ? made : located(c, over_budget());
}

value interpreter::map(const code& c) {
  value_map out;
  out.reserve(c.args.size() / 2);
  for (std::size_t i = 0; i < c.args.size(); i += 2) {
    auto key = eval(*c.args[i]);
    if (key.is_error())
      return key;
    auto mapped = eval(*c.args[i + 1]);
    if (mapped.is_error())
      return mapped;
    if (c.maybe[i / 2]) {
      const auto* o = mapped.get_if<optional_value>();
      if (!o)
        return located(c, failure("no such overload: a value after ? must be an optional"));
      if (!o->held)
        continue;
      mapped = value{*o->held};
    }
    out.emplace_back(std::move(key), std::move(mapped));
  }
  auto made = make_map(std::move(out), *left_);
  return made.is_error() ? located(c, std::move(made)) : made;
}

value interpreter::select(const code& c) {
  value room;
  const auto* target = operand(*c.args[0], room);
  if (target->is_error())
    return *target;
  if (c.test) {
    const auto* o = target->get_if<optional_value>();
    if (o && !o->held)
      return false;
    const auto& inner = o ? *o->held : *target;
    if (const auto* m = inner.as_map())
      return find_key(*m, c.literal, *left_) != nullptr;
  } else if (target->as_map() || target->get_if<optional_value>()) {
    auto out = index_value(*target, c.literal, c.optional, *left_);
    if (!out.is_error() || !out.as_error().text().empty())
      return out.is_error() ? located(c, std::move(out)) : out;
  }
  auto text = to_string(type{target->of()}) + " has no field `" + c.name + "`";
  if (target->is_null() && c.args[0]->what == op::slot)
    text = "no such overload: null." + c.name + " (field \"" + c.args[0]->name + "\" is null)";
  return error{errc::evaluation, text + at_place(c.at)};
}

bool fits(const value& v, const type& t) noexcept {
  if (v.is_null())
    return t.nullable() || t.is(kind::null_type) || t.is(kind::dyn);
  return t.is(kind::dyn) || v.of() == t.of();
}

} // namespace tidemill::cel
