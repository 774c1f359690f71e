#include "pipeline/cel/parser.hpp"

#include "pipeline/cel/lexer.hpp"

#include <algorithm>
#include <array>
#include <limits>

namespace tidemill::cel {
namespace {

struct binary_operator {
  std::string_view symbol, function;
  int level;
};
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

constexpr std::array<std::string_view, 17> reserved{
    "as",  "break", "const",   "continue",  "else",   "for", "function", "if",   "import",
    "let", "loop",  "package", "namespace", "return", "var", "void",     "while"};

/// Recursive descent; all functions return null after a fault.
class parser {
public:
  parser(std::vector<token> tokens, ast& tree, std::vector<fault>& faults)
      : tokens_(std::move(tokens)), tree_(tree), faults_(faults) {}

  node* run() {
    if (current().what == token_kind::end)
      return fail(current().at, "the expression is empty");
    auto* root = expression();
    if (root && current().what != token_kind::end)
      return unexpected();
    return root;
  }

private:
  const token& current() const { return tokens_[next_]; }
  bool at_symbol(std::string_view s) const {
    return current().what == token_kind::symbol && current().raw == s;
  }
  bool accept(std::string_view s) {
    if (!at_symbol(s))
      return false;
    ++next_;
    return true;
  }
  bool expect(std::string_view s) {
    if (accept(s))
      return true;
    unexpected("expected " + std::string{s});
    return false;
  }
  node* fail(place at, std::string text, std::string hint = {}) {
    faults_.push_back({at.line, at.column, std::move(text), std::move(hint)});
    return nullptr;
  }
  node* unexpected(const std::string& wanted = {}) {
    const auto& t = current();
    auto what = t.what == token_kind::end ? "unexpected end of the expression"
                                          : "unexpected " + std::string{t.raw.substr(0, 40)};
    auto hint = wanted;
    if (t.what == token_kind::name && (t.raw == "and" || t.raw == "or" || t.raw == "not"))
      hint = t.raw == "and" ? "write &&" : t.raw == "or" ? "write ||" : "write !";
    return fail(t.at, what, hint);
  }

  node* make(node_kind what, place at, std::vector<node*> args = {}) {
    auto* n = make_node(tree_, what, at, std::move(args));
    return n->depth > max_depth ? too_deep(at) : n;
  }
  node* too_deep(place at) {
    return fail(at, "the expression is nested deeper than " + std::to_string(max_depth) + " levels");
  }

  /// Counts open levels of the descent itself, which the depth of finished nodes can't.
  struct level {
    explicit level(parser& p) : owner(p) { ++owner.open_; }
    ~level() { --owner.open_; }
    level(const level&) = delete;
    level& operator=(const level&) = delete;
    parser& owner;
  };

  node* expression() {
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

  /// `a || b || c` (or &&) as one flat node.
  node* chain(bool is_or) {
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

  const binary_operator* operator_at(int lowest) const {
    if (current().what != token_kind::symbol && current().what != token_kind::name)
      return nullptr;
    for (const auto& op : binary_operators)
      if (op.level >= lowest && op.symbol == current().raw)
        return &op;
    return nullptr;
  }

  node* binary(int lowest) {
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

  node* call(std::string name, place at, std::vector<node*> args) {
    auto* n = make(node_kind::call, at, std::move(args));
    if (n)
      n->name = std::move(name);
    return n;
  }

  /// A run of `!` or of `-`, not of both. A minus right before a number belongs to it.
  node* unary() {
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

  node* postfix(const place* minus = nullptr) {
    auto* left = primary(minus);
    while (left) {
      if (at_symbol("."))
        left = member(left);
      else if (at_symbol("["))
        left = index(left);
      else
        break;
    }
    return left;
  }

  node* member(node* target) {
    ++next_;
    bool optional = accept("?");
    const auto& field = current();
    bool quoted = field.what == token_kind::quoted_name;
    if (field.what != token_kind::name && !quoted)
      return unexpected("expected the name of a field or method");
    if (!quoted && is_keyword(field.raw))
      return fail(field.at, "`" + std::string{field.raw} + "` can't be a field", "write m[\"…\"]");
    ++next_;
    if (!quoted && !optional && at_symbol("("))
      return finish_call(std::string{field.raw}, field.at, target);
    auto* n = make(node_kind::select, field.at, {target});
    if (n) {
      n->name = field.raw;
      n->optional = optional;
      n->quoted = quoted;
    }
    return n;
  }

  node* index(node* target) {
    auto at = current().at;
    ++next_;
    bool optional = accept("?");
    auto* key = expression();
    if (!key || !expect("]"))
      return nullptr;
    return call(optional ? "_[?_]" : "_[_]", at, {target, key});
  }

  node* finish_call(std::string name, place at, node* target) {
    std::vector<node*> args;
    if (target)
      args.push_back(target);
    expect("(");
    if (!at_symbol(")"))
      do {
        auto* arg = expression();
        if (!arg)
          return nullptr;
        args.push_back(arg);
      } while (accept(","));
    if (!expect(")"))
      return nullptr;
    auto* n = call(std::move(name), at, std::move(args));
    if (!n)
      return nullptr;
    n->member = target != nullptr;
    n = expand_macro(tree_, n, faults_);
    return n && n->depth > max_depth ? too_deep(at) : n;
  }

  static bool is_keyword(std::string_view name) {
    return name == "true" || name == "false" || name == "null" || name == "in";
  }

  node* primary(const place* minus) {
    auto t = current(); // a copy: names outlive the step
    switch (t.what) {
    case token_kind::integer:
    case token_kind::uinteger:
    case token_kind::real:
    case token_kind::string:
    case token_kind::bytes:
      ++next_;
      return literal(t, minus);
    case token_kind::name:
      return name(t, false);
    case token_kind::symbol:
      break;
    default:
      return unexpected();
    }
    if (t.raw == ".") {
      ++next_;
      return current().what == token_kind::name ? name(current(), true) : unexpected("expected a name");
    }
    if (t.raw == "(") {
      ++next_;
      auto* inner = expression();
      return inner && expect(")") ? inner : nullptr;
    }
    if (t.raw == "[")
      return list(t.at);
    return t.raw == "{" ? map(t.at) : unexpected();
  }

  node* name(const token& t, bool rooted) {
    if (is_keyword(t.raw) && !rooted && t.raw != "in") {
      ++next_;
      return constant(t.at, t.raw == "null" ? value{} : value{t.raw == "true"});
    }
    if (is_keyword(t.raw))
      return unexpected();
    if (std::find(reserved.begin(), reserved.end(), t.raw) != reserved.end())
      return fail(t.at, "`" + std::string{t.raw} + "` is a reserved word",
                  "write event." + std::string{t.raw});
    auto at = t.at;
    std::string text{t.raw};
    ++next_;
    if (at_symbol("("))
      return finish_call(std::move(text), at, nullptr);
    auto* n = make(node_kind::name, at);
    if (!n)
      return nullptr;
    n->name = std::move(text);
    n->rooted = rooted;
    return at_symbol("{") ? fail(at, "messages are not supported", "a map is written {\"key\": value}") : n;
  }

  node* constant(place at, value v) {
    auto* n = make(node_kind::literal, at);
    if (n)
      n->literal = std::move(v);
    return n;
  }

  node* literal(token& t, const place* minus) {
    auto at = minus ? *minus : t.at;
    switch (t.what) {
    case token_kind::uinteger:
      return constant(at, t.magnitude);
    case token_kind::real:
      return constant(at, minus ? -t.real : t.real);
    case token_kind::string:
      return constant(at, std::move(t.text));
    case token_kind::bytes:
      return constant(at, byte_string{std::move(t.text)});
    default:
      break;
    }
    constexpr auto limit = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (t.magnitude > limit + (minus ? 1 : 0))
      return fail(t.at, "this number is too large for int", "write 1u for uint, 1.0 for double");
    return constant(at, static_cast<std::int64_t>(minus ? ~t.magnitude + 1 : t.magnitude));
  }

  node* list(place at) {
    ++next_;
    std::vector<node*> items;
    std::vector<bool> maybe;
    while (!at_symbol("]")) {
      maybe.push_back(accept("?"));
      auto* item = expression();
      if (!item)
        return nullptr;
      items.push_back(item);
      if (!accept(","))
        break;
    }
    if (!expect("]"))
      return nullptr;
    auto* n = make(node_kind::list, at, std::move(items));
    if (n)
      n->maybe = std::move(maybe);
    return n;
  }

  node* map(place at) {
    ++next_;
    std::vector<node*> items;
    std::vector<bool> maybe;
    while (!at_symbol("}")) {
      maybe.push_back(accept("?"));
      auto* key = expression();
      if (!key || !expect(":"))
        return nullptr;
      auto* mapped = expression();
      if (!mapped)
        return nullptr;
      items.push_back(key);
      items.push_back(mapped);
      if (!accept(","))
        break;
    }
    if (!expect("}"))
      return nullptr;
    auto* n = make(node_kind::map, at, std::move(items));
    if (n)
      n->maybe = std::move(maybe);
    return n;
  }

  std::vector<token> tokens_;
  ast& tree_;
  std::vector<fault>& faults_;
  std::size_t next_ = 0;
  std::uint32_t open_ = 0;
};

} // namespace

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
