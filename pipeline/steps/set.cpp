#include "pipeline/steps/steps.hpp"

#include <algorithm>

namespace tidemill {
namespace {

struct assignment {
  std::size_t slot;
  cel::expression value;
};

class set : public step, public step_plan {
public:
  explicit set(std::vector<assignment> all) : all_(std::move(all)) {}

  std::unique_ptr<step> instance() const override { return std::make_unique<set>(*this); }

  void apply(event_batch& batch, const step_context&, std::vector<cel::row_error>& failures) override {
    for (const auto& a : all_) {
      if (batch.columns.size() <= a.slot)
        batch.columns.resize(a.slot + 1);
      auto before = failures.size();
      a.value.evaluate(batch, batch.selected, out_, failures);
      std::swap(batch.columns[a.slot], out_);
      drop_failed(batch.selected, std::span{failures}.subspan(before));
    }
  }

private:
  std::vector<assignment> all_;
  column out_;
};

std::unique_ptr<step_plan> compile(const component& c, step_scope& scope, std::vector<diagnostic>& out) {
  std::vector<assignment> all;
  auto sound = true;
  for (const auto& [name, text] : c.settings.pairs("set")) {
    auto path = "set." + name.text;
    auto value = compile_at(text, scope.environment(), path, out);
    if (!value) {
      sound = false;
      continue;
    }
    for (auto slot : value->slots())
      scope.reads(slot);
    if (!can_be_field(value->result())) {
      out.push_back(fault_at(text.at, path, "a field can't be " + to_string(value->result()),
                             std::string{field_hint(value->result())}));
      sound = false;
      continue;
    }
    auto slot =
        scope.columns++; // a new column also where a field is replaced: other branches keep the old one
    auto at = scope.fields.set({name.text, value->result(), {}, time_format::rfc3339});
    scope.slots.resize(scope.fields.size());
    scope.slots[at] = slot;
    all.push_back({slot, std::move(*value)});
  }
  return sound ? std::make_unique<set>(std::move(all)) : nullptr;
}

} // namespace

step_entry set_step() {
  return {{.name = "set",
           .summary = "Adds fields or replaces them, in order; a later one sees the earlier ones.",
           .example = "set: {section: 'path.split(\"/\")[?1].orValue(\"\")', failed: 'status >= 500'}",
           .fields = {{.name = "set",
                       .type = field_type::expressions,
                       .text = "Field → expression.",
                       .required = true}}},
          compile};
}

} // namespace tidemill
