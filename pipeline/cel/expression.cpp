#include "pipeline/cel/expression.hpp"

#include "pipeline/cel/columns.hpp"
#include "pipeline/cel/compiler.hpp"
#include "pipeline/cel/expression_impl.hpp"
#include "pipeline/cel/interpreter.hpp"

namespace tidemill::cel {

std::optional<expression> expression::compile(std::string_view text, const environment& names,
                                              std::vector<fault>& faults, row_limits limits) {
  auto compiled = compile_program(text, names, {.container = {}, .limits = limits}, faults);
  if (!compiled)
    return {};
  expression out;
  out.impl_ = std::make_shared<const impl>(impl{std::string{text}, std::move(compiled)});
  return out;
}

const type& expression::result() const noexcept {
  return impl_->compiled->root->of;
}
const std::string& expression::text() const noexcept {
  return impl_->text;
}
const std::vector<std::size_t>& expression::slots() const noexcept {
  return impl_->compiled->slots;
}
bool expression::constant() const noexcept {
  return impl_->compiled->slots.empty();
}

value expression::evaluate(std::span<const value> slots) const {
  const auto& p = *impl_->compiled;
  interpreter run{p.locals};
  run.set_row(slots);
  budget left{p.limits};
  return run.run(*p.root, left);
}

void expression::evaluate(const event_batch& batch, const selection& rows, column& out,
                          std::vector<row_error>& errors) const {
  evaluate_columns(*impl_->compiled, batch, rows, out, errors);
}

} // namespace tidemill::cel
