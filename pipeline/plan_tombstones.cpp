// Which rows of latest views records without a value delete.
#include "pipeline/plan_compiler.hpp"

#include <algorithm>

namespace tidemill {

void plan_compiler::read_tombstones(const view_definition& v, const source_plan& source, step_scope& scope,
                                    view_plan& out) {
  const auto path = "views." + v.name.text + ".tombstones";
  if (out.window.kind != window_kind::latest)
    return fault(v.settings.where("tombstones"), path, "tombstones go with window: latest", "remove it");
  if (source.tombstones != tombstone_use::remove)
    fault(v.settings.where("tombstones"), path, "the tombstones of " + source.name + " don't come here",
          "add `tombstones: delete` to the source, if it is of type kafka");
  step_scope of_record; // it has no fields
  of_record.meta = scope.meta;
  const auto by = v.settings.texts("by");
  const auto named = v.settings.pairs("tombstones");
  for (const auto& [name, text] : named)
    if (std::ranges::find(by, name.text, &text_at::text) == by.end())
      fault(name.at, path + '.' + name.text, "\"" + name.text + "\" is not in `by`");
  for (const auto& name : by) {
    const auto found = std::ranges::find(named, name.text, [](const auto& p) { return p.first.text; });
    const auto field_at = scope.fields.find(name.text);
    if (found == named.end())
      fault(v.settings.where("tombstones"), path, "which " + name.text + " does a tombstone delete?",
            name.text + ": 'meta.key'");
    if (found == named.end() || !field_at)
      continue;
    auto e = compile_at(found->second, of_record.environment(), path + '.' + name.text, faults_);
    if (!e)
      continue;
    if (const auto of = scope.fields[*field_at].of; !(e->result().with_null(false) == of.with_null(false)))
      fault(found->second.at, path + '.' + name.text,
            name.text + " is " + to_string(of) + ", this is " + to_string(e->result()));
    for (auto slot : e->slots())
      scope.reads(slot);
    out.tombstones.push_back(std::move(*e));
  }
}

void plan_compiler::check_tombstones() {
  for (const auto& s : out_->sources) {
    auto of_source = [&](const view_definition& v) {
      auto from = places_.find(v.settings.text("from"));
      return v.settings.has("tombstones") && from != places_.end() &&
             out_->sources[from->second.source].name == s.name;
    };
    if (s.tombstones == tombstone_use::remove && std::ranges::none_of(d_.views, of_source))
      fault(s.settings.settings.where("tombstones"), "sources." + s.name + ".tombstones",
            "no latest view says which of its rows a tombstone deletes",
            "give one `tombstones: {id: 'meta.key'}`, id being its key");
  }
}

} // namespace tidemill
