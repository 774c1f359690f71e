#include "tests/cel_conformance/conformance_run.hpp"

#include "event/batch.hpp"
#include "pipeline/cel/columns.hpp"
#include "pipeline/cel/compiler.hpp"
#include "pipeline/cel/interpreter.hpp"
#include "pipeline/cel/lane.hpp"
#include "pipeline/cel/parser.hpp"

#include <algorithm>
#include <random>

namespace tidemill::test {
namespace {

using namespace tidemill::cel;

constexpr std::uint32_t many_rows = 1000;

/// A name that no case has.
constexpr auto switch_name = "conformance_row_fails";

/// An expression with the values of its variables.
struct prepared {
  std::shared_ptr<const program> compiled;
  environment names;
  std::vector<value> slots;
};

/// Same type and value; NaN is NaN, and an optional is what it holds.
bool same(const value& a, const value& b) {
  if (const auto* o = a.get_if<optional_value>(); o && o->held && b.of() != kind::optional)
    return same(*o->held, b);
  if (a.of() != b.of() || a.is_error() != b.is_error())
    return false;
  if (const auto* x = a.get_if<double>())
    return *x == *b.get_if<double>() || (*x != *x && *b.get_if<double>() != *b.get_if<double>());
  if (const auto* l = a.as_list())
    return std::equal(l->begin(), l->end(), b.as_list()->begin(), b.as_list()->end(), same);
  if (const auto* m = a.as_map()) {
    const auto& other = *b.as_map();
    return m->size() == other.size() && std::all_of(m->begin(), m->end(), [&](const auto& e) {
             return std::any_of(other.begin(), other.end(), [&](const auto& f) {
               return same(e.first, f.first) && same(e.second, f.second);
             });
           });
  }
  budget left;
  return equals(a, b, left);
}

std::string shown(const value& v) {
  if (v.is_error())
    return "the error \"" + v.as_error().text() + "\"";
  std::string out = to_string(type{v.of()}) + " ";
  append_json(out, v);
  return out;
}

prepared with_variables(const conformance_case& c) {
  prepared out;
  out.names.event = false;
  for (const auto& v : c.variables) {
    if (!v.declared && !c.unchecked)
      continue; // the checker doesn't know it
    out.names.variables.push_back({v.name, v.of, out.slots.size()});
    out.slots.push_back(v.bound.value_or(value{error{errc::evaluation, "`" + v.name + "` has no value"}}));
  }
  return out;
}

bool add_variable(prepared& to, std::string name, const value& v) {
  if (!has_lane(v.of()) || v.is_null())
    return false;
  to.names.variables.push_back({std::move(name), type{v.of()}, to.slots.size()});
  to.slots.push_back(v);
  return true;
}

/// Scalar literals become variables, and so columns.
void lift_literals(ast& tree, prepared& to) {
  for (auto& n : tree.nodes)
    if (n.what == node_kind::literal)
      if (auto name = "conformance_literal_" + std::to_string(to.slots.size());
          add_variable(to, name, n.literal)) {
        n.what = node_kind::name;
        n.name = std::move(name);
        n.rooted = true; // hidden by no macro
      }
}

/// `switch ? [][0] : expression`: fails where the switch is on.
void add_switch(ast& tree, prepared& to) {
  auto* off = make_node(tree, node_kind::name, {});
  off->name = switch_name;
  off->rooted = true;
  auto* zero = make_node(tree, node_kind::literal, {});
  zero->literal = value{0};
  auto* fails = make_node(tree, node_kind::call, {}, {make_node(tree, node_kind::list, {}), zero});
  fails->name = "_[_]";
  tree.root = make_node(tree, node_kind::ternary, {}, {off, fails, tree.root});
  add_variable(to, switch_name, value{false});
}

struct form {
  bool lifted = false;
  bool failing = false;
};

/// Null in `compiled`: it is refused, the reason is in `faults`.
prepared compile(const conformance_case& c, form f, std::vector<fault>& faults) {
  auto out = with_variables(c);
  auto tree = parse(c.expr, faults);
  if (!tree)
    return out;
  if (f.lifted)
    lift_literals(*tree, out);
  if (f.failing)
    add_switch(*tree, out);
  check_options options;
  options.unchecked = c.unchecked;
  options.container = c.container;
  out.compiled = compile_tree(*tree->root, out.names, options, faults);
  return out;
}

value evaluate_alone(const prepared& p) {
  interpreter run{p.compiled->locals};
  run.set_row(p.slots);
  budget left;
  return run.run(*p.compiled->root, left);
}

event_batch batch_of(const prepared& p, std::uint32_t rows) {
  event_batch out;
  out.records.resize(rows);
  for (std::size_t i = 0; i < p.slots.size(); ++i) {
    auto& c = out.columns.emplace_back(p.names.variables[i].of);
    c.resize(rows);
    for (std::uint32_t row = 0; row < rows; ++row)
      c.set(row, p.slots[i]);
  }
  return out;
}

/// Empty, or which row gave what. Rows for which `fails` is true must fail, others give `wanted`.
std::string judge(const prepared& p, const event_batch& batch, const selection& rows, const value& wanted,
                  const std::vector<bool>& fails) {
  column out;
  std::vector<row_error> errors;
  evaluate_columns(*p.compiled, batch, rows, out, errors);
  auto next = errors.begin();
  for (auto row : rows) {
    bool failed = next != errors.end() && next->row == row;
    bool should = wanted.is_error() || fails[row];
    auto got = failed ? value{(next++)->why} : out.at(row);
    if (failed != should || (!failed && !same(got, wanted)))
      return "row " + std::to_string(row) + " of " + std::to_string(batch.rows()) + " gives " + shown(got) +
             (should ? ", not an error" : ", not " + shown(wanted));
  }
  return next == errors.end() ? "" : "errors of rows that were not selected";
}

/// Empty, or what a batch gives that differs from `wanted`.
std::string run_batch(const prepared& p, conformance_mode mode, const value& wanted,
                      std::mt19937_64& random) {
  const auto rows = mode == conformance_mode::alone ? 1 : many_rows;
  auto batch = batch_of(p, rows);
  std::vector<bool> fails(rows);
  if (mode == conformance_mode::failing)
    for (std::uint32_t row = 0; row < rows; ++row)
      if ((fails[row] = random() % 2 == 0))
        batch.columns.back().set(row, true);
  selection chosen;
  for (std::uint32_t row = 0; row < rows; ++row)
    if (mode != conformance_mode::selected || random() % 3 == 0)
      chosen.push_back(row);
  return judge(p, batch, chosen, wanted, fails);
}

/// One mode with batches, as written and with literals in columns. `wanted` is what the row gave alone.
std::string run_mode(const conformance_case& c, conformance_mode mode, const type& of, const value& wanted,
                     std::mt19937_64& random) {
  for (bool lifted : {false, true}) {
    auto where = std::string{conformance_mode_names[static_cast<std::size_t>(mode)]} +
                 (lifted ? ", literals in columns: " : ": ");
    std::vector<fault> faults;
    auto p = compile(c, {lifted, mode == conformance_mode::failing}, faults);
    if (!p.compiled)
      return where + "refused: " + faults.front().text;
    if (!(p.compiled->root->of == of))
      return where + "its type is " + to_string(p.compiled->root->of) + ", not " + to_string(of);
    if (auto fault = run_batch(p, mode, wanted, random); !fault.empty())
      return where + fault;
  }
  return {};
}

/// What is wrong with the expression's static type and its value as written, alone.
std::string judge_alone(const conformance_case& c, const prepared& p, const value& got) {
  if (c.wish.of && !c.unchecked && !(p.compiled->root->of == *c.wish.of))
    return "its type is " + to_string(p.compiled->root->of) + ", not " + to_string(*c.wish.of);
  if (c.wish.error != got.is_error() && (c.wish.error || c.wish.result))
    return "gives " + shown(got) + (c.wish.error ? ", not an error" : ", not " + shown(*c.wish.result));
  if (c.wish.result && !same(got, *c.wish.result))
    return "gives " + shown(got) + ", not " + shown(*c.wish.result);
  return {};
}

} // namespace

conformance_outcome run_conformance_case(const conformance_case& c) {
  if (!c.skip.empty())
    return {.skip = c.skip, .fault = {}};
  std::vector<fault> faults;
  auto p = compile(c, {}, faults);
  if (!p.compiled) {
    if (c.wish.error)
      return {}; // a compiler that finds a failing constant is right, too
    return {.skip = {}, .fault = "refused: " + faults.front().text};
  }
  if (c.check_only)
    return {.skip = {}, .fault = judge_alone(c, p, {})};
  auto got = evaluate_alone(p);
  if (auto fault = judge_alone(c, p, got); !fault.empty())
    return {.skip = {}, .fault = "alone: " + fault};
  if (std::any_of(p.slots.begin(), p.slots.end(), [](const value& v) { return v.is_error(); }))
    return {.skip = {}, .fault = {}, .no_batches = true};
  std::mt19937_64 random{c.expr.size()};
  using enum conformance_mode;
  for (auto mode : {alone, copies, selected, failing})
    if (auto fault = run_mode(c, mode, p.compiled->root->of, got, random); !fault.empty())
      return {.skip = {}, .fault = std::move(fault)};
  return {};
}

} // namespace tidemill::test
