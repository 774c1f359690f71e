// Rules over the rows of views.
#include "event/hash.hpp"
#include "pipeline/plan_compiler.hpp"
#include "pipeline/row_filter.hpp"
#include "pipeline/steps/steps.hpp"

#include <algorithm>

namespace tidemill {
namespace {

bool looks_at_rows(std::string_view function) {
  return function == "prev" || function == "ratio";
}

/// `prev(x)`: of the row before. `ratio(x, y)`: x / y as a double; null where nothing was counted.
std::optional<type> type_of(const cel::aggregate_call& call, cel::fault& why) {
  auto arguments = call.function == "prev" ? 1u : 2u;
  if (call.arguments.size() != arguments) {
    why.text = call.function + "() takes " + (arguments == 1 ? "one value" : "two numbers");
    return std::nullopt;
  }
  if (call.function == "prev") {
    auto of = call.arguments.front().result();
    if (can_be_field(of))
      return of.with_null();
    why.text = "prev() can't give " + to_string(of);
    return std::nullopt;
  }
  for (const auto& a : call.arguments)
    if (!a.result().numeric()) {
      why.text = "ratio() takes two numbers, this is " + to_string(a.result());
      return std::nullopt;
    }
  return type{kind::real, true};
}

} // namespace

void plan_compiler::read_alert(const alert_definition& a) {
  auto path = "alerts." + a.name.text;
  auto fresh = new_name(a.name, "alert");
  view_plan* view = nullptr;
  std::vector<std::string> known;
  for (auto& source : out_->sources)
    for (auto& v : source.views) {
      known.push_back(v.name);
      if (v.name == a.settings.text("from"))
        view = &v;
    }
  auto from = a.settings.text("from");
  if (view == nullptr) {
    auto other = names_.find(from);
    if (other == names_.end())
      return fault(a.settings.where("from"), path + ".from", "no view \"" + from + "\"",
                   did_you_mean(from, known));
    if (other->second != "view") // else its own fault has been told
      fault(a.settings.where("from"), path + ".from",
            "an alert watches the rows of a view, \"" + from + "\" is a " + other->second,
            "make a view of it, as in {by: [key], window: {size: 1m}, select: {n: 'count()'}}");
    return;
  }
  alert_plan out;
  auto names = row_environment(*view->schema);
  if (view->window.kind != window_kind::sliced && view->window.kind != window_kind::calendar)
    return fault(a.settings.where("from"), path + ".from",
                 "an alert watches windows that follow each other, those of \"" + from + "\" don't",
                 "give it a view with a size or a calendar");
  auto compile = [&](const char* setting, kind wanted) -> std::optional<cel::expression> {
    std::vector<cel::fault> faults;
    text_at text{a.settings.text(setting), a.settings.where(setting)};
    auto e = cel::aggregate_split::compile(text.text, names, names, names.variables.size(), looks_at_rows,
                                           type_of, out.calls, faults);
    for (auto& f : faults) {
      if (f.text.starts_with("aggregate ")) { // one in the other
        f.text = "prev() and ratio() don't go into each other";
        f.hint = "write double(prev(x)) / double(prev(y))";
      }
      fault(place_in(text, f), path + '.' + setting, f.text, f.hint);
    }
    if (e && !e->result().is(wanted) && !e->result().is(kind::dyn)) {
      fault(text.at, path + '.' + setting,
            std::string{setting} + " is a " + to_string(type{wanted}) + ", this is " +
                to_string(e->result()));
      return std::nullopt;
    }
    return e;
  };
  out.when = compile("when", kind::boolean);
  if (a.settings.has("message"))
    out.message = compile("message", kind::string);
  if (!out.when || !fresh || (a.settings.has("message") && !out.message))
    return;
  out.sealed = a.settings.text("rows") == "sealed";
  out.hold = a.settings.time("for");
  out.keep_firing = a.settings.time("keep_firing_for");
  out.forget_after = a.settings.time("forget_after", view->schema->retain);
  out.retain = a.settings.time("retain");
  out.looks_back = std::ranges::any_of(out.calls, [](const auto& c) { return c.function == "prev"; });
  out.schema = std::make_shared<const alert_schema>(
      alert_schema{a.name.text, a.settings.text("severity"), out.when->text(), out.hold, view->schema});
  out.id = content_id(out.when->text() + '\n' + a.settings.text("rows") + ' ' +
                      std::to_string(out.hold.count()) + ' ' + std::to_string(out.keep_firing.count()) + ' ' +
                      std::to_string(out.forget_after.count()));
  view->alerts.push_back(std::move(out));
}

} // namespace tidemill
