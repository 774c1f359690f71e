#pragma once

#include "event/value.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

namespace tidemill::cel {

/// Largest text of an expression, in bytes.
inline constexpr std::size_t max_text = std::size_t{64} * 1024;
/// Deepest tree. Every later walk recurses at most this deep.
inline constexpr std::uint32_t max_depth = 250;

/// A place in an expression's text; both from 1, columns in characters.
struct place {
  std::uint32_t line = 1, column = 1;
};

/// ` at column 7`, or ` at line 2, column 7`: the end of an error's text.
[[nodiscard]] std::string at_place(place at);

enum class node_kind : std::uint8_t {
  literal,
  name,   ///< `x`, `.x`
  select, ///< `e.f`, `e.?f`, `has(e.f)`; args: e
  call,   ///< function, method (args[0] is the target) or operator (`_+_`)
  list,
  map, ///< args: key, value, key, value …
  logic_and,
  logic_or, ///< two or more args: chains are flat
  ternary,
  fold, ///< a macro; args: range, body, and a filter if there is one
  bind, ///< `cel.bind(x, init, body)`; args: init, body
};

enum class macro : std::uint8_t {
  all,
  exists,
  exists_one,
  map,
  filter,
  transform_map,
  transform_map_entry,
  opt_map,
  opt_flat_map,
};

/// A node of the syntax tree. Children belong to the same `ast`.
struct node {
  node_kind what = node_kind::literal;
  macro fold = macro::all;
  bool rooted = false;   ///< name: `.x`
  bool optional = false; ///< select: `.?`
  bool test = false;     ///< select: inside `has()`
  bool quoted = false;   ///< select: the field is in back-quotes
  bool member = false;   ///< call: `target.f()`
  place at;
  std::uint32_t depth = 1;
  value literal;
  std::string name;                     ///< name, field, function
  std::array<std::string, 2> variables; ///< fold, bind: names of the variables; the second may be empty
  std::vector<node*> args;
  std::vector<bool> maybe; ///< list, map: `[?e]`, `{?k: v}`; one per element or entry
};

/// A parsed text. Nodes have stable addresses and are freed without recursion.
struct ast {
  std::deque<node> nodes;
  node* root = nullptr;
};

} // namespace tidemill::cel
