#include "pipeline/steps/steps.hpp"

#include <algorithm>

namespace tidemill {
namespace {

/// Fields exist by name only: nothing is done to the columns.
class nothing : public step, public step_plan {
public:
  std::unique_ptr<step> instance() const override { return std::make_unique<nothing>(); }
  void apply(event_batch&, const step_context&, std::vector<cel::row_error>&) override {}
};

std::unique_ptr<step_plan> reduce(const component& c, step_scope& scope, bool keep,
                                  std::vector<diagnostic>& out) {
  auto named = c.settings.texts(keep ? "keep" : "drop");
  std::vector<std::string> known;
  for (const auto& f : scope.fields.fields())
    known.push_back(f.name);
  auto sound = true;
  for (const auto& n : named)
    if (!scope.fields.find(n.text)) {
      out.push_back(
          fault_at(n.at, keep ? "keep" : "drop", "no field \"" + n.text + "\"", did_you_mean(n.text, known)));
      sound = false;
    }
  if (!sound)
    return nullptr;
  std::vector<field> fields;
  std::vector<std::size_t> slots;
  for (std::size_t i = 0; i < scope.fields.size(); ++i) {
    auto is_named =
        std::ranges::any_of(named, [&](const text_at& n) { return n.text == scope.fields[i].name; });
    if (is_named != keep)
      continue;
    fields.push_back(scope.fields[i]);
    slots.push_back(scope.slots[i]);
  }
  scope.fields = schema{std::move(fields)};
  scope.slots = std::move(slots);
  return std::make_unique<nothing>();
}

std::unique_ptr<step_plan> keep(const component& c, step_scope& scope, std::vector<diagnostic>& out) {
  return reduce(c, scope, true, out);
}

std::unique_ptr<step_plan> drop(const component& c, step_scope& scope, std::vector<diagnostic>& out) {
  return reduce(c, scope, false, out);
}

} // namespace

step_entry keep_step() {
  return {
      {.name = "keep",
       .summary = "Keeps only the named fields.",
       .example = "keep: [ts, ip, path]",
       .fields =
           {{.name = "keep", .type = field_type::texts, .text = "The fields to keep.", .required = true}}},
      keep};
}

step_entry drop_step() {
  return {
      {.name = "drop",
       .summary = "Removes the named fields.",
       .example = "drop: [agent]",
       .fields =
           {{.name = "drop", .type = field_type::texts, .text = "The fields to remove.", .required = true}}},
      drop};
}

} // namespace tidemill
