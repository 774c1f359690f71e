#pragma once

#include "pipeline/cel/ast.hpp"
#include "pipeline/cel/expression.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill::cel {

/// Parses a text, macros expanded. Null and one fault if it is no expression, or is deeper than `max_depth`.
[[nodiscard]] std::unique_ptr<ast> parse(std::string_view text, std::vector<fault>& faults);

/// Makes a node of `tree` and knows its depth; the children are complete.
node* make_node(ast& tree, node_kind what, place at, std::vector<node*> args = {});

/// Replaces a call by the macro of its name, style and argument count. Returns `call` itself if it is no
/// macro, null and a fault if it is a malformed one.
[[nodiscard]] node* expand_macro(ast& tree, node* call, std::vector<fault>& faults);

/// The canonical text of a tree: one spelling for equal trees.
[[nodiscard]] std::string to_text(const node& n);
/// A CEL string literal with double quotes: `"a\nb"`.
[[nodiscard]] std::string quote(std::string_view text);

} // namespace tidemill::cel
