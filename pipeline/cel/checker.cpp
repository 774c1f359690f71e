#include "pipeline/cel/checker_state.hpp"

#include <algorithm>

namespace tidemill::cel {

typed checker::emit(op what, const node& n, term of) {
  auto& c = out_->nodes.emplace_back();
  c.what = what;
  c.at = n.at;
  c.source = &n;
  if (options_.unchecked)
    of = kind::dyn;
  terms_.push_back(of);
  return {std::move(of), &c};
}

typed checker::fail(place at, std::string text, std::string hint) {
  faults_.push_back({at.line, at.column, std::move(text), std::move(hint)});
  return {};
}

typed checker::run_time_error(const node& n, std::string text) {
  auto t = emit(op::constant, n, kind::dyn);
  t.at->literal = error{errc::evaluation, std::move(text) + at_place(n.at)};
  return t;
}

bool checker::require(const node& n, const typed& operand, const term& wanted, std::string_view what) {
  auto start = types_.mark();
  if (options_.unchecked || types_.assign(operand.of, wanted))
    return true;
  types_.undo(start);
  auto is = types_.print(operand.of);
  std::string hint;
  if (wanted.is(kind::boolean))
    hint = operand.of.is(kind::string) ? "compare it: " + to_text(n) + " != \"\""
           : operand.of.numeric()      ? "compare it: " + to_text(n) + " != 0"
                                       : "";
  fail(n.at, std::string{what} + " must be " + types_.print(wanted) + ", not " + is, hint);
  return false;
}

typed checker::check(const node& n) {
  switch (n.what) {
  case node_kind::literal:
    return literal(n);
  case node_kind::name:
    return name(n);
  case node_kind::select:
    return select(n);
  case node_kind::call:
    return call(n);
  case node_kind::list:
    return list(n);
  case node_kind::map:
    return map(n);
  case node_kind::logic_and:
  case node_kind::logic_or:
    return logic(n);
  case node_kind::ternary:
    return ternary(n);
  case node_kind::fold:
    return fold(n);
  case node_kind::bind:
    return bind(n);
  }
  return {};
}

typed checker::literal(const node& n) {
  auto t = emit(op::constant, n, n.literal.of());
  t.at->literal = n.literal;
  return t;
}

typed checker::logic(const node& n) {
  auto t = emit(n.what == node_kind::logic_and ? op::logic_and : op::logic_or, n, kind::boolean);
  bool good = true;
  for (const auto* arg : n.args) {
    auto a = check(*arg);
    good &= a && require(*arg, a, kind::boolean,
                         n.what == node_kind::logic_and ? "operand of &&" : "operand of ||");
    t.at->args.push_back(a.at);
  }
  return good ? t : typed{};
}

typed checker::ternary(const node& n) {
  auto condition = check(*n.args[0]), yes = check(*n.args[1]), no = check(*n.args[2]);
  if (!condition || !yes || !no || !require(*n.args[0], condition, kind::boolean, "the condition of ?:"))
    return {};
  auto branch = types_.fresh();
  if (!options_.unchecked && !(types_.assign(yes.of, branch) && types_.assign(no.of, branch))) {
    auto has_null = yes.of.is(kind::null_type) || no.of.is(kind::null_type);
    return fail(n.at,
                "the branches of ?: have different types: " + types_.print(yes.of) + " and " +
                    types_.print(no.of),
                has_null ? "only a field declared with ? may be null; use optional.of(…) and optional.none()"
                         : "convert one of them, or use dyn(…)");
  }
  auto t = emit(op::ternary, n, branch);
  t.at->args = {condition.at, yes.at, no.at};
  return t;
}

typed checker::list(const node& n) {
  std::optional<term> element;
  std::vector<code*> items;
  bool good = true;
  for (std::size_t i = 0; i < n.args.size(); ++i) {
    auto item = check(*n.args[i]);
    auto of = item.of;
    if (item && n.maybe[i]) {
      of = types_.fresh();
      good &= require(*n.args[i], item, term{kind::optional, {of}}, "an element after ?");
    }
    good &= bool{item};
    element = element ? types_.join(*element, of) : of;
    items.push_back(item.at);
  }
  if (!good)
    return {};
  auto t = emit(op::list, n, term{kind::list, {element ? *element : types_.fresh()}});
  t.at->args = std::move(items);
  t.at->maybe = n.maybe;
  return t;
}

bool checker::check_key(const node& n, const term& key) {
  auto of = types_.shallow(key);
  if (of.variable >= 0 || of.is(kind::integer) || of.is(kind::uinteger) || of.is(kind::boolean) ||
      of.is(kind::string) || of.is(kind::dyn))
    return true;
  fail(n.at, "a map key can't be " + types_.print(of), "keys are int, uint, bool or string");
  return false;
}

typed checker::map(const node& n) {
  std::vector<code*> items;
  std::optional<term> key, mapped;
  bool good = true;
  for (std::size_t i = 0; i < n.args.size(); i += 2) {
    auto k = check(*n.args[i]), m = check(*n.args[i + 1]);
    items.insert(items.end(), {k.at, m.at});
    if (!k || !m || !check_key(*n.args[i], k.of)) {
      good = false;
      continue;
    }
    auto held = m.of;
    if (n.maybe[i / 2]) {
      held = types_.fresh();
      good &= require(*n.args[i + 1], m, term{kind::optional, {held}}, "a value after ?");
    }
    key = key ? types_.join(*key, k.of) : k.of;
    mapped = mapped ? types_.join(*mapped, held) : held;
  }
  if (!good)
    return {};
  auto t =
      emit(op::map, n, term{kind::map, {key ? *key : types_.fresh(), mapped ? *mapped : types_.fresh()}});
  t.at->args = std::move(items);
  t.at->maybe = n.maybe;
  return t;
}

std::unique_ptr<program> checker::run(const node& root) {
  auto t = check(root);
  if (!t || !faults_.empty())
    return nullptr;
  for (std::size_t i = 0; i < terms_.size(); ++i)
    out_->nodes[i].of = types_.deep(terms_[i]);
  out_->root = t.at;
  std::sort(out_->slots.begin(), out_->slots.end());
  out_->slots.erase(std::unique(out_->slots.begin(), out_->slots.end()), out_->slots.end());
  return std::move(out_);
}

std::unique_ptr<program> check(const node& root, const environment& names, const check_options& options,
                               std::vector<fault>& faults) {
  auto before = faults.size();
  std::vector<fault> found;
  auto out = checker{names, options, found}.run(root);
  faults.insert(faults.begin() + static_cast<std::ptrdiff_t>(before), found.begin(), found.end());
  return out;
}

} // namespace tidemill::cel
