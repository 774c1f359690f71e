#include "pipeline/cel/compiler.hpp"

#include "pipeline/cel/interpreter.hpp"
#include "pipeline/cel/parser.hpp"

namespace tidemill::cel {

std::shared_ptr<const program> compile_tree(const node& root, const environment& names,
                                            const check_options& options, std::vector<fault>& faults) {
  auto checked = check(root, names, options, faults);
  if (!checked)
    return nullptr;
  checked->limits = options.limits;
  fold_constants(*checked);
  for (auto& c : checked->nodes)
    c.source = nullptr; // the syntax tree goes away
  return checked;
}

std::shared_ptr<const program> compile_program(std::string_view text, const environment& names,
                                               const check_options& options, std::vector<fault>& faults) {
  auto tree = parse(text, faults);
  return tree ? compile_tree(*tree->root, names, options, faults) : nullptr;
}

} // namespace tidemill::cel
