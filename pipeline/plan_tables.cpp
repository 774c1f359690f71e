// Tables of a plan, and views that are tables.
#include "pipeline/plan_compiler.hpp"

#include <algorithm>

namespace tidemill {

void plan_compiler::read_tables() {
  for (const auto& c : d_.tables) {
    auto columns = c.type.empty() ? result<schema>{error{errc::config_invalid, ""}} : table_columns_(c);
    if (!columns && !c.type.empty())
      fault(c.name.at, "tables." + c.name.text, columns.error().text());
    tables_.push_back(
        {c.name.text, columns ? *columns : schema{}, c.settings.has("valid"), !columns.has_value()});
  }
}

/// Streams look rows up before views are compiled, so a table says what it has, and the view must agree.
void plan_compiler::check_view_tables() {
  for (const auto& c : d_.tables)
    if (c.type == "view")
      check_view_table(c);
}

void plan_compiler::check_view_table(const component& c) {
  const auto path = "tables." + c.name.text;
  const auto from = c.settings.text("from"), key = c.settings.text("key");
  const view_schema* of = nullptr;
  auto written = std::ranges::find(d_.views, from, [](const view_definition& v) { return v.name.text; });
  for (const auto& s : out_->sources)
    for (const auto& v : s.views)
      if (v.name == from)
        of = v.schema.get();
  if (written == d_.views.end())
    return fault(c.settings.where("from"), path + ".from", "there is no view \"" + from + "\"");
  if (of == nullptr || key.empty())
    return; // that is told elsewhere
  if (!of->endless())
    return fault(c.settings.where("from"), path + ".from", from + " has a row for each window of a key",
                 "a table is made of a view with `window: latest` or `window: global`");
  if (of->by != 1 || of->columns[0].name != key)
    return fault(c.settings.where("key"), path + ".key",
                 "the rows of " + from + " are not by " + key + " alone", "name what the view is by");
  const auto& declared = c.settings.sections("columns");
  if (std::ranges::none_of(declared, [&](const auto& d) { return d.first.text == key; }))
    fault(c.settings.where("columns"), path + ".columns", "the key has no type",
          key + ": " + to_string(of->columns[0].of));
  for (const auto& [name, settings] : declared) {
    auto f = read_field(name.text, *settings);
    if (!f)
      continue; // config has told it
    auto column = std::ranges::find(of->columns, name.text, &field::name);
    if (column == of->columns.end())
      fault(name.at, path + ".columns." + name.text, from + " has no column \"" + name.text + "\"");
    else if (!(column->of == f->of || column->of.with_null(true) == f->of))
      fault(name.at, path + ".columns." + name.text,
            name.text + " of " + from + " is " + to_string(column->of) + ", not " + to_string(f->of));
  }
}

/// Their versions are no concern of sources that look nothing up.
void plan_compiler::forget_tables() {
  for (std::size_t s = 0; s < out_->sources.size(); ++s)
    if (!looks_up_[s])
      out_->sources[s].tables.clear();
}

} // namespace tidemill
