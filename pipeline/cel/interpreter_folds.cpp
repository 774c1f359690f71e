#include "pipeline/cel/interpreter.hpp"

namespace tidemill::cel {

value interpreter::condition(const code& macro, const code& c) {
  auto v = eval(c);
  if (v.is_error() || v.of() == kind::boolean)
    return v;
  return located(macro, failure("no such overload: the condition of " + macro.name + "() is " +
                                to_string(type{v.of()})));
}

/// Walks over a list or map with the variables set, until `step` returns something.
template <class Step>
value interpreter::each(const code& c, const value& range, Step step) {
  auto one = [&](const value& first, const value* second) -> value {
    if (!left_->elements(1))
      return located(c, over_budget());
    locals_[c.slot] = first;
    if (c.variables == 2)
      locals_[c.slot + 1] = *second;
    return step(first);
  };
  if (const auto* l = range.as_list()) {
    for (std::size_t i = 0; i < l->size(); ++i) {
      value index = static_cast<std::int64_t>(i);
      if (auto done = c.variables == 2 ? one(index, &(*l)[i]) : one((*l)[i], nullptr); !done.is_null())
        return done;
    }
    return {};
  }
  const auto* m = range.as_map();
  if (!m)
    return located(c, failure("no such overload: " + to_string(type{range.of()}) + "." + c.name + "()"));
  for (const auto& [key, mapped] : *m)
    if (auto done = one(key, &mapped); !done.is_null())
      return done;
  return {};
}

value interpreter::test_all(const code& c, const value& range) {
  const bool decisive = c.fold == macro::exists;
  value first_error;
  auto done = each(c, range, [&](const value&) -> value {
    auto v = condition(c, *c.args[1]);
    if (v.is_error() && !first_error.is_error())
      first_error = v;
    const auto* b = v.get_if<bool>();
    return b && *b == decisive ? v : value{};
  });
  if (!done.is_null())
    return done;
  return first_error.is_error() ? first_error : value{!decisive};
}

value interpreter::exists_one(const code& c, const value& range) {
  std::size_t hits = 0;
  auto failed = each(c, range, [&](const value&) -> value {
    auto v = condition(c, *c.args[1]);
    if (v.is_error())
      return v;
    hits += *v.get_if<bool>() ? 1 : 0;
    return {};
  });
  return failed.is_null() ? value{hits == 1} : failed;
}

value interpreter::build_list(const code& c, const value& range) {
  value_list out;
  const code* filter = c.fold == macro::filter ? c.args[1] : c.args.size() == 3 ? c.args[2] : nullptr;
  auto failed = each(c, range, [&](const value& element) -> value {
    if (filter) {
      auto v = condition(c, *filter);
      if (v.is_error())
        return v;
      if (!*v.get_if<bool>())
        return {};
    }
    auto made = c.fold == macro::filter ? element : eval(*c.args[1]);
    if (made.is_error())
      return made;
    if (!left_->contents(made))
      return located(c, over_budget());
    out.push_back(std::move(made));
    return {};
  });
  return failed.is_null() ? value{std::move(out)} : failed;
}

value interpreter::build_map(const code& c, const value& range) {
  value_map out;
  auto failed = each(c, range, [&](const value& key) -> value {
    if (c.args.size() == 3) {
      auto v = condition(c, *c.args[2]);
      if (v.is_error())
        return v;
      if (!*v.get_if<bool>())
        return {};
    }
    auto made = eval(*c.args[1]);
    if (made.is_error())
      return made;
    if (!left_->contents(made))
      return located(c, over_budget());
    if (c.fold == macro::transform_map) {
      out.emplace_back(key, std::move(made));
      return {};
    }
    const auto* entries = made.as_map();
    if (!entries)
      return located(c, failure("no such overload: the entry of transformMapEntry() is no map"));
    out.insert(out.end(), entries->begin(), entries->end());
    return {};
  });
  if (!failed.is_null())
    return failed;
  auto made = make_map(std::move(out), *left_);
  return made.is_error() ? located(c, std::move(made)) : made;
}

value interpreter::fold_optional(const code& c, const optional_value& range) {
  if (!range.held)
    return optional_value{};
  locals_[c.slot] = *range.held;
  auto out = eval(*c.args[1]);
  if (out.is_error() || c.fold == macro::opt_map)
    return out.is_error() ? out : value{optional_value{std::make_shared<const value>(std::move(out))}};
  if (out.get_if<optional_value>())
    return out;
  return located(c, failure("no such overload: the result of optFlatMap() is no optional"));
}

value interpreter::fold(const code& c) {
  auto range = eval(*c.args[0]);
  if (range.is_error())
    return range;
  const auto* o = range.get_if<optional_value>();
  if (c.fold == macro::opt_map || c.fold == macro::opt_flat_map)
    return o ? fold_optional(c, *o)
             : located(c, failure("no such overload: " + to_string(type{range.of()}) + "." + c.name + "()"));
  if (range.is_null() && c.args[0]->what == op::slot)
    return located(
        c, failure("no such overload: null." + c.name + "() (field \"" + c.args[0]->name + "\" is null)"));
  ++left_->loops;
  value out;
  switch (c.fold) {
  case macro::all:
  case macro::exists:
    out = test_all(c, range);
    break;
  case macro::exists_one:
    out = exists_one(c, range);
    break;
  case macro::map:
  case macro::filter:
    out = build_list(c, range);
    break;
  default:
    out = build_map(c, range);
    break;
  }
  --left_->loops;
  return out;
}

} // namespace tidemill::cel
