#include "pipeline/cel/parser_state.hpp"
#include "pipeline/cel/strings.hpp"

#include <algorithm>
#include <array>

namespace tidemill::cel {

struct binary_operator {
  std::string_view symbol, function;
  int level;
};

namespace {

constexpr std::array<binary_operator, 12> binary_operators{{{"==", "_==_", 0},
                                                            {"!=", "_!=_", 0},
                                                            {"<", "_<_", 0},
                                                            {"<=", "_<=_", 0},
                                                            {">", "_>_", 0},
                                                            {">=", "_>=_", 0},
                                                            {"in", "@in", 0},
                                                            {"+", "_+_", 1},
                                                            {"-", "_-_", 1},
                                                            {"*", "_*_", 2},
                                                            {"/", "_/_", 2},
                                                            {"%", "_%_", 2}}};
constexpr int tightest_level = 2;

} // namespace

node* parser::run() {
  if (current().what == token_kind::end)
    return fail(current().at, "the expression is empty");
  auto* root = expression();
  if (root && current().what != token_kind::end)
    return unexpected();
  return root;
}

node* parser::fail(place at, std::string text, std::string hint) {
  faults_.push_back({at.line, at.column, std::move(text), std::move(hint)});
  return nullptr;
}

node* parser::unexpected(const std::string& wanted) {
  const auto& t = current();
  auto what = t.what == token_kind::end ? "unexpected end of the expression"
                                        : "unexpected " + std::string{shortened(t.raw, 40)};
  auto hint = wanted;
  if (t.what == token_kind::name && (t.raw == "and" || t.raw == "or" || t.raw == "not"))
    hint = t.raw == "and" ? "write &&" : t.raw == "or" ? "write ||" : "write !";
  return fail(t.at, what, hint);
}

node* parser::make(node_kind what, place at, std::vector<node*> args) {
  auto* n = make_node(tree_, what, at, std::move(args));
  return n->depth > max_depth ? too_deep(at) : n;
}

node* parser::too_deep(place at) {
  return fail(at, "the expression is nested deeper than " + std::to_string(max_depth) + " levels");
}

node* parser::expression() {
  level here{*this};
  if (open_ > max_depth)
    return too_deep(current().at);
  auto* condition = chain(true);
  auto at = current().at;
  if (!condition || !accept("?"))
    return condition;
  auto* yes = chain(true);
  if (!yes || !expect(":"))
    return nullptr;
  auto* no = expression();
  return no ? make(node_kind::ternary, at, {condition, yes, no}) : nullptr;
}

node* parser::chain(bool is_or) {
  auto* first = is_or ? chain(false) : binary(0);
  auto at = current().at;
  std::string_view symbol = is_or ? "||" : "&&";
  if (!first || !at_symbol(symbol))
    return first;
  std::vector<node*> terms{first};
  while (accept(symbol)) {
    auto* term = is_or ? chain(false) : binary(0);
    if (!term)
      return nullptr;
    terms.push_back(term);
  }
  return make(is_or ? node_kind::logic_or : node_kind::logic_and, at, std::move(terms));
}

const binary_operator* parser::operator_at(int lowest) const {
  if (current().what != token_kind::symbol && current().what != token_kind::name)
    return nullptr;
  for (const auto& op : binary_operators)
    if (op.level >= lowest && op.symbol == current().raw)
      return &op;
  return nullptr;
}

node* parser::binary(int lowest) {
  auto* left = unary();
  while (left) {
    const auto* op = operator_at(lowest);
    if (!op)
      break;
    auto at = current().at;
    ++next_;
    auto* right = op->level == tightest_level ? unary() : binary(op->level + 1);
    if (!right)
      return nullptr;
    left = call(std::string{op->function}, at, {left, right});
  }
  return left;
}

node* parser::call(std::string name, place at, std::vector<node*> args) {
  auto* n = make(node_kind::call, at, std::move(args));
  if (n)
    n->name = std::move(name);
  return n;
}

node* parser::unary() {
  if (!at_symbol("!") && !at_symbol("-"))
    return postfix();
  auto sign = current().raw;
  std::vector<place> run;
  while (at_symbol(sign)) {
    run.push_back(current().at);
    ++next_;
  }
  if (run.size() > max_depth)
    return too_deep(run.front());
  if (at_symbol("!") || at_symbol("-"))
    return fail(current().at, "! and - can't follow each other", "use parentheses");
  bool negative =
      sign == "-" && (current().what == token_kind::integer || current().what == token_kind::real);
  auto* operand = postfix(negative ? &run.back() : nullptr);
  if (negative)
    run.pop_back();
  for (; operand && !run.empty(); run.pop_back())
    operand = call(sign == "!" ? "!_" : "-_", run.back(), {operand});
  return operand;
}

node* make_node(ast& tree, node_kind what, place at, std::vector<node*> args) {
  auto& n = tree.nodes.emplace_back();
  n.what = what;
  n.at = at;
  for (const auto* arg : args)
    n.depth = std::max(n.depth, arg->depth + 1);
  n.args = std::move(args);
  return &n;
}

std::unique_ptr<ast> parse(std::string_view text, std::vector<fault>& faults) {
  auto tokens = tokenize(text, faults);
  if (!tokens)
    return nullptr;
  auto tree = std::make_unique<ast>();
  tree->root = parser{std::move(*tokens), *tree, faults}.run();
  return tree->root ? std::move(tree) : nullptr;
}

} // namespace tidemill::cel
