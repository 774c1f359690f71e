#pragma once

#include "pipeline/cel/ast.hpp"
#include "pipeline/cel/code.hpp"
#include "pipeline/cel/expression.hpp"
#include "pipeline/cel/term.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill::cel {

/// How names are resolved and how strictly types are checked.
struct check_options {
  std::string container;  ///< `com.example`: `x` is looked up as com.example.x, com.x and x
  bool unchecked = false; ///< every operand counts as dyn, unknown names are errors of a row
  row_limits limits{};
};

/// Resolves names, infers types and emits code for one tree.
///
/// All faults are collected; nothing is returned if there is one. Constant sub-trees are not folded yet.
[[nodiscard]] std::unique_ptr<program> check(const node& root, const environment& names,
                                             const check_options& options, std::vector<fault>& faults);

/// The candidate nearest to `name` by edit distance, if it is near enough to be meant.
[[nodiscard]] std::optional<std::string> nearest(std::string_view name,
                                                 const std::vector<std::string>& candidates);
/// `did you mean …?`, or nothing.
[[nodiscard]] std::string suggest(std::string_view name, const std::vector<std::string>& candidates);

/// A typed call without a matching overload: what to write instead. May be empty.
[[nodiscard]] std::string overload_hint(const node& call, fn function, const std::vector<term>& args);
/// `int + double`, `string.charAt(bool)`: a call by the types of its arguments.
[[nodiscard]] std::string describe_call(std::string_view name, bool member,
                                        const std::vector<std::string>& args);

} // namespace tidemill::cel
