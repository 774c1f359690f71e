#include "pipeline/cel/parser.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace tidemill::cel {
namespace {

/// `target.name(v, body)`, with `variables` names and the rest expressions.
struct shape {
  std::string_view name;
  std::size_t variables, expressions;
  macro fold;
};
constexpr std::array<shape, 18> shapes{{{"all", 1, 1, macro::all},
                                        {"exists", 1, 1, macro::exists},
                                        {"exists_one", 1, 1, macro::exists_one},
                                        {"existsOne", 1, 1, macro::exists_one},
                                        {"map", 1, 1, macro::map},
                                        {"map", 1, 2, macro::map},
                                        {"filter", 1, 1, macro::filter},
                                        {"optMap", 1, 1, macro::opt_map},
                                        {"optFlatMap", 1, 1, macro::opt_flat_map},
                                        {"all", 2, 1, macro::all},
                                        {"exists", 2, 1, macro::exists},
                                        {"existsOne", 2, 1, macro::exists_one},
                                        {"transformList", 2, 1, macro::map},
                                        {"transformList", 2, 2, macro::map},
                                        {"transformMap", 2, 1, macro::transform_map},
                                        {"transformMap", 2, 2, macro::transform_map},
                                        {"transformMapEntry", 2, 1, macro::transform_map_entry},
                                        {"transformMapEntry", 2, 2, macro::transform_map_entry}}};

bool plain_name(const node& n) {
  return n.what == node_kind::name && !n.rooted;
}

node* fail(std::vector<fault>& faults, place at, std::string text, std::string hint) {
  faults.push_back({at.line, at.column, std::move(text), std::move(hint)});
  return nullptr;
}

node* expand_has(node* call, std::vector<fault>& faults) {
  auto* field = call->args[0];
  if (field->what != node_kind::select || field->test)
    return fail(faults, field->at, "has() takes the selection of a field",
                "write has(event.x); for a key of a map \"key\" in m");
  field->test = true;
  return field;
}

node* expand_bind(ast& tree, node* call, std::vector<fault>& faults) {
  if (!plain_name(*call->args[1]))
    return fail(faults, call->args[1]->at, "the variable of cel.bind must be a plain name",
                "cel.bind(x, a + b, x * x)");
  auto* n = make_node(tree, node_kind::bind, call->at, {call->args[2], call->args[3]});
  n->variables[0] = call->args[1]->name;
  return n;
}

node* expand_fold(ast& tree, const shape& s, node* call, std::vector<fault>& faults) {
  for (std::size_t i = 1; i <= s.variables; ++i)
    if (!plain_name(*call->args[i]))
      return fail(faults, call->args[i]->at,
                  "the variable of " + std::string{s.name} + "() must be a plain name",
                  "list." + std::string{s.name} + "(x, x > 0)");
  if (s.variables == 2 && call->args[1]->name == call->args[2]->name)
    return fail(faults, call->args[2]->at, "both variables have the same name", {});
  std::vector<node*> args{call->args[0], call->args.back()};
  if (s.expressions == 2)
    args.push_back(call->args[call->args.size() - 2]); // the filter is written before the body
  auto* n = make_node(tree, node_kind::fold, call->at, std::move(args));
  n->fold = s.fold;
  for (std::size_t i = 0; i < s.variables; ++i)
    n->variables[i] = call->args[i + 1]->name;
  n->name = s.name;
  return n;
}

} // namespace

node* expand_macro(ast& tree, node* call, std::vector<fault>& faults) {
  if (!call->member)
    return call->name == "has" && call->args.size() == 1 ? expand_has(call, faults) : call;
  if (call->name == "bind" && call->args.size() == 4 && plain_name(*call->args[0]) &&
      call->args[0]->name == "cel")
    return expand_bind(tree, call, faults);
  // `map(v, filter, body)` and `all(i, v, body)` have three arguments each: the name decides.
  auto found = std::find_if(shapes.begin(), shapes.end(), [&](const shape& s) {
    return s.name == call->name && 1 + s.variables + s.expressions == call->args.size();
  });
  return found == shapes.end() ? call : expand_fold(tree, *found, call, faults);
}

} // namespace tidemill::cel
