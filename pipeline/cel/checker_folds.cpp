#include "pipeline/cel/checker_state.hpp"

#include <algorithm>

namespace tidemill::cel {

void checker::open(std::string name, term of) {
  locals_.push_back({std::move(name), std::move(of)});
  out_->locals = std::max(out_->locals, locals_.size());
}

/// What the variables of a macro stand for. False, and a fault, if the range can't be walked.
bool checker::element_types(const node& n, const term& range, term& first, term& second) {
  auto of = types_.shallow(range);
  bool two = !n.variables[1].empty();
  bool wants_optional = n.fold == macro::opt_map || n.fold == macro::opt_flat_map;
  if (of.variable >= 0 || of.is(kind::dyn)) {
    first = second = kind::dyn;
  } else if (wants_optional && of.is(kind::optional)) {
    first = of.args[0];
  } else if (!wants_optional && of.is(kind::list)) {
    first = two ? term{kind::integer} : of.args[0];
    second = of.args[0];
  } else if (!wants_optional && of.is(kind::map)) {
    first = of.args[0];
    second = of.args[1];
  } else {
    auto hint = wants_optional          ? "it takes an optional: event.?x." + n.name + "(v, v + 1)"
                : of.is(kind::optional) ? "write .orValue([])." + n.name + "(…)"
                : of.is(kind::string)   ? "write .split(\"\")." + n.name + "(…) for its characters"
                                        : std::string{"it takes a list or a map"};
    fail(n.at, n.name + "() can't walk over " + types_.print(of), hint);
    return false;
  }
  return true;
}

term checker::fold_result(const node& n, const term& range, const term& first, const term& element,
                          const typed& body, bool& good) {
  auto predicate = [&] {
    return require(*n.args[1], body, kind::boolean, "the condition of " + n.name + "()");
  };
  switch (n.fold) {
  case macro::all:
  case macro::exists:
  case macro::exists_one:
    good &= predicate();
    return kind::boolean;
  case macro::filter:
    good &= predicate();
    return {kind::list, {element}};
  case macro::map:
    return {kind::list, {body.of}};
  case macro::transform_map:
    return {kind::map, {types_.shallow(range).is(kind::dyn) ? term{kind::dyn} : first, body.of}};
  case macro::transform_map_entry: {
    term entry{kind::map, {types_.fresh(), types_.fresh()}};
    good &= require(*n.args[1], body, entry, "the entry of transformMapEntry()");
    return entry;
  }
  case macro::opt_map:
    return {kind::optional, {body.of}};
  case macro::opt_flat_map: {
    term held{kind::optional, {types_.fresh()}};
    good &= require(*n.args[1], body, held, "the result of optFlatMap()");
    return held;
  }
  }
  return {};
}

typed checker::fold(const node& n) {
  auto range = check(*n.args[0]);
  term first, second;
  if (!range || !element_types(n, range.of, first, second))
    return {};
  bool two = !n.variables[1].empty();
  auto depth = locals_.size();
  open(n.variables[0], first);
  if (two)
    open(n.variables[1], second);
  typed filter;
  bool good = true;
  if (n.args.size() == 3) { // written before the body, so it is also the first to bind types
    filter = check(*n.args[2]);
    good = filter && require(*n.args[2], filter, kind::boolean, "the filter of " + n.name + "()");
  }
  auto body = check(*n.args[1]);
  good &= bool{body};
  locals_.resize(depth);
  if (!good)
    return {};
  auto of = fold_result(n, range.of, first, first, body, good);
  if (!good)
    return {};
  auto t = emit(op::fold, n, std::move(of));
  t.at->fold = n.fold;
  t.at->slot = depth;
  t.at->variables = two ? 2 : 1;
  t.at->name = n.name;
  t.at->args = {range.at, body.at};
  if (filter)
    t.at->args.push_back(filter.at);
  return t;
}

typed checker::bind(const node& n) {
  auto init = check(*n.args[0]);
  if (!init)
    return {};
  auto depth = locals_.size();
  open(n.variables[0], init.of);
  auto body = check(*n.args[1]);
  locals_.resize(depth);
  if (!body)
    return {};
  auto t = emit(op::bind, n, body.of);
  t.at->slot = depth;
  t.at->args = {init.at, body.at};
  return t;
}

} // namespace tidemill::cel
