#pragma once

#include "pipeline/cel/lexer.hpp"
#include "pipeline/cel/parser.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace tidemill::cel {

struct binary_operator;

/// Recursive descent; all functions return null after a fault.
class parser {
public:
  parser(std::vector<token> tokens, ast& tree, std::vector<fault>& faults)
      : tokens_(std::move(tokens)), tree_(tree), faults_(faults) {}

  node* run();

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
  node* fail(place at, std::string text, std::string hint = {});
  node* unexpected(const std::string& wanted = {});

  node* make(node_kind what, place at, std::vector<node*> args = {});
  node* too_deep(place at);

  /// Counts open levels of the descent itself, which the depth of finished nodes can't.
  struct level {
    explicit level(parser& p) : owner(p) { ++owner.open_; }
    ~level() { --owner.open_; }
    level(const level&) = delete;
    level& operator=(const level&) = delete;
    parser& owner;
  };

  node* expression();
  /// `a || b || c` (or &&) as one flat node.
  node* chain(bool is_or);
  /// Operators of `lowest` level and tighter.
  node* binary(int lowest);
  const binary_operator* operator_at(int lowest) const;
  /// A run of `!` or of `-`, not of both. A minus right before a number belongs to it.
  node* unary();
  node* call(std::string name, place at, std::vector<node*> args);

  // What is tighter than any operator: parser_primary.cpp. `minus` is the sign of a number.
  node* postfix(const place* minus = nullptr);
  node* member(node* target);
  node* index(node* target);
  node* finish_call(std::string name, place at, node* target);
  node* primary(const place* minus);
  node* name(const token& t, bool rooted);
  node* constant(place at, value v);
  node* literal(token& t, const place* minus);
  node* list(place at);
  node* map(place at);

  std::vector<token> tokens_;
  ast& tree_;
  std::vector<fault>& faults_;
  std::size_t next_ = 0;
  std::uint32_t open_ = 0;
};

} // namespace tidemill::cel
