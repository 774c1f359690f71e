#pragma once

#include "pipeline/cel/ast.hpp"
#include "pipeline/cel/expression.hpp"
#include "pipeline/cel/function.hpp"
#include "pipeline/cel/pattern.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <variant>
#include <vector>

namespace tidemill::cel {

/// The elements of a long constant list of one kind, for `in`. Texts are views into the list.
using constant_set = std::variant<std::unordered_set<std::int64_t>, std::unordered_set<std::uint64_t>,
                                  std::unordered_set<double>, std::unordered_set<std::string_view>>;

enum class op : std::uint8_t {
  constant,
  slot,          ///< a column, or a value of the row
  local,         ///< a variable of a macro; `slot` counts the open ones
  present,       ///< `has(event.x)`
  optional_slot, ///< `event.?x`
  call,
  logic_and,
  logic_or,
  ternary,
  list,
  map,
  select,
  fold,
  bind,
};

/// A node of a checked expression. Immutable after compilation, read by all threads.
struct code {
  op what = op::constant;
  fn function = fn::add;
  macro fold = macro::all;
  bool test = false;          ///< select: has()
  bool optional = false;      ///< select: `.?`
  std::uint8_t variables = 0; ///< fold: 1 or 2
  type of;                    ///< static type
  place at;
  value literal; ///< constant: may be an error, the result of folding
  std::size_t slot = 0;
  std::string name; ///< slot, select: the field; call: the function as written
  std::vector<code*> args;
  std::vector<bool> maybe;                 ///< list, map
  std::shared_ptr<const pattern> regex;    ///< matches with a constant pattern
  std::shared_ptr<const constant_set> set; ///< `in` with a long constant list
  const node* source = nullptr;            ///< only while compiling
};

/// A compiled expression.
struct program {
  std::deque<code> nodes;
  code* root = nullptr;
  std::vector<std::size_t> slots; ///< ascending
  std::size_t locals = 0;         ///< most variables of macros open at once
  row_limits limits;
};

} // namespace tidemill::cel
