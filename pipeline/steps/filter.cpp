#include "pipeline/steps/steps.hpp"

namespace tidemill {
namespace {

class filter : public step, public step_plan {
public:
  explicit filter(cel::expression holds) : holds_(std::move(holds)) {}

  std::unique_ptr<step> instance() const override { return std::make_unique<filter>(*this); }

  void apply(event_batch& batch, const step_context&, std::vector<cel::row_error>& failures) override {
    auto before = failures.size();
    holds_.evaluate(batch, batch.selected, out_, failures);
    drop_failed(batch.selected, std::span{failures}.subspan(before));
    keep_where(batch.selected, out_);
  }

private:
  cel::expression holds_;
  column out_;
};

std::unique_ptr<step_plan> compile(const component& c, step_scope& scope, std::vector<diagnostic>& out) {
  text_at text{c.settings.text("filter"), c.settings.where("filter")};
  auto holds = compile_at(text, scope.environment(), "filter", out);
  if (!holds)
    return nullptr;
  if (!holds->result().is(kind::boolean)) {
    out.push_back(fault_at(text.at, "filter", "a filter is a bool, this is " + to_string(holds->result()),
                           "compare it with something: `x != 0`, `s == \"…\"`"));
    return nullptr;
  }
  for (auto slot : holds->slots())
    scope.reads(slot);
  return std::make_unique<filter>(std::move(*holds));
}

} // namespace

step_entry filter_step() {
  return {{.name = "filter",
           .summary = "Keeps the events for which an expression holds; null counts as false.",
           .example = "filter: 'status != 0 && !path.startsWith(\"/health\")'",
           .fields = {{.name = "filter",
                       .type = field_type::expression,
                       .text = "What must hold, a bool.",
                       .required = true}}},
          compile};
}

} // namespace tidemill
