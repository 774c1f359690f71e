#include "pipeline/cel/parser_state.hpp"

#include <algorithm>
#include <array>
#include <limits>

namespace tidemill::cel {
namespace {

constexpr std::array<std::string_view, 17> reserved{
    "as",  "break", "const",   "continue",  "else",   "for", "function", "if",   "import",
    "let", "loop",  "package", "namespace", "return", "var", "void",     "while"};

bool is_keyword(std::string_view name) {
  return name == "true" || name == "false" || name == "null" || name == "in";
}

} // namespace

node* parser::postfix(const place* minus) {
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

node* parser::member(node* target) {
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

node* parser::index(node* target) {
  auto at = current().at;
  ++next_;
  bool optional = accept("?");
  auto* key = expression();
  if (!key || !expect("]"))
    return nullptr;
  return call(optional ? "_[?_]" : "_[_]", at, {target, key});
}

node* parser::finish_call(std::string name, place at, node* target) {
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

node* parser::primary(const place* minus) {
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

node* parser::name(const token& t, bool rooted) {
  if (is_keyword(t.raw) && !rooted && t.raw != "in") {
    ++next_;
    return constant(t.at, t.raw == "null" ? value{} : value{t.raw == "true"});
  }
  if (is_keyword(t.raw))
    return unexpected();
  if (std::find(reserved.begin(), reserved.end(), t.raw) != reserved.end())
    return fail(t.at, "`" + std::string{t.raw} + "` is a reserved word", "write event." + std::string{t.raw});
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

node* parser::constant(place at, value v) {
  auto* n = make(node_kind::literal, at);
  if (n)
    n->literal = std::move(v);
  return n;
}

node* parser::literal(token& t, const place* minus) {
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

node* parser::list(place at) {
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

node* parser::map(place at) {
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

} // namespace tidemill::cel
