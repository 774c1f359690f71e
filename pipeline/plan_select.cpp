// Columns of a view: aggregates and what is computed around them.
#include "pipeline/aggregates/catalogue.hpp"
#include "pipeline/plan_compiler.hpp"
#include "pipeline/steps/steps.hpp"
#include "pipeline/window/event_span.hpp"
#include "pipeline/window/latest_cell.hpp"

#include <algorithm>

namespace tidemill {
namespace {

const std::vector<std::string> reserved{"window_start", "window_end", "state", "revision"};

result<aggregate_ptr> make(const cel::aggregate_call& call) {
  std::vector<aggregate_argument> arguments;
  for (const auto& a : call.arguments)
    arguments.push_back(
        {a.result(), a.constant() ? std::optional{a.evaluate(std::span<const value>{})} : std::nullopt});
  return make_aggregate(call.function, arguments);
}

// Gathers the states of a view. Calls that need the same state of the same columns share it: the quantiles of
// one field, its variance and its standard deviation.
class state_gatherer {
public:
  explicit state_gatherer(view_plan& out) : out_(out) {}

  void add(const cel::aggregate_call& call, aggregate_ptr how) {
    aggregate_reads reads;
    auto columns = std::min(aggregate_columns(call.function), call.arguments.size());
    if (columns > 0)
      reads.argument = input(call.arguments[0]);
    if (columns > 1)
      reads.by = input(call.arguments[1]);
    std::size_t part = 0;
    while (part < parts_.size() && (parts_[part]->name() != how->name() || out_.reads[part] != reads))
      ++part;
    if (part == parts_.size()) {
      parts_.push_back(how);
      out_.reads.push_back(reads);
    }
    results_.push_back({part, std::move(how)});
  }

  /// The times of events, for the view itself.
  void add_span() {
    out_.span = parts_.size();
    parts_.push_back(make_span());
    out_.reads.emplace_back();
  }

  layout_ptr layout() {
    return std::make_shared<const accumulator_layout>(std::move(parts_), std::move(results_));
  }

private:
  std::size_t input(const cel::expression& e) {
    auto known = std::ranges::find(out_.inputs, e.text(), &cel::expression::text);
    if (known == out_.inputs.end())
      known = out_.inputs.insert(known, e);
    return static_cast<std::size_t>(known - out_.inputs.begin());
  }

  view_plan& out_;
  std::vector<aggregate_ptr> parts_;
  std::vector<accumulator_layout::reading> results_;
};

} // namespace

bool plan_compiler::is_reserved(const std::string& column) {
  return std::ranges::find(reserved, column) != reserved.end();
}

void plan_compiler::read_select(const view_definition& v, const step_scope& scope, view_plan& out) {
  auto path = "views." + v.name.text + ".select.";
  cel::environment keys;
  keys.event = false;
  for (const auto& name : v.settings.texts("by"))
    if (auto at = scope.fields.find(name.text))
      keys.variables.push_back({name.text, scope.fields[*at].of, keys.variables.size()});
  auto is_aggregate = [](std::string_view name) {
    return std::ranges::find(aggregate_names(), name) != aggregate_names().end();
  };
  auto result_type = [](const cel::aggregate_call& call, cel::fault& why) -> std::optional<type> {
    auto made = make(call);
    if (made)
      return (*made)->result();
    why.text = made.error().text();
    return std::nullopt;
  };
  std::vector<cel::aggregate_call> calls;
  for (const auto& [name, text] : v.settings.pairs("select")) {
    std::vector<cel::fault> faults;
    auto e = cel::aggregate_split::compile(text.text, scope.environment(), keys, keys.variables.size(),
                                           is_aggregate, result_type, calls, faults);
    for (const auto& f : faults)
      fault(place_in(text, f), path + name.text, f.text, f.hint);
    if (e)
      out.columns.push_back(std::move(*e));
    auto taken = std::ranges::find(keys.variables, name.text, [](const auto& k) { return k.name; }) !=
                 keys.variables.end();
    if (taken || is_reserved(name.text))
      fault(name.at, path + name.text, "the name \"" + name.text + "\" is taken", "choose another name");
  }
  state_gatherer states{out};
  for (const auto& call : calls) {
    auto made = make(call);
    if (!made)
      return;
    if (out.window.kind == window_kind::global && call.function == "rate")
      fault(v.settings.where("select"), path.substr(0, path.size() - 1),
            "rate() needs windows of a length, a global view has none", "use count() or sum(x)");
    states.add(call, std::move(*made));
  }
  if (out.window.kind == window_kind::session || out.window.kind == window_kind::global)
    states.add_span();
  out.layout = states.layout();
}

/// Of a latest view: `select` is over fields.
void plan_compiler::read_cells(const view_definition& v, const step_scope& scope, view_plan& out) {
  auto path = "views." + v.name.text;
  std::vector<aggregate_ptr> parts;
  auto read = [&](const text_at& text, const std::string& at) {
    auto e = compile_at(text, scope.environment(), at, faults_);
    if (!e)
      return e;
    if (!can_be_field(e->result())) {
      fault(text.at, at, "a column can't be " + to_string(e->result()), std::string{field_hint(e->result())});
      return decltype(e){};
    }
    out.reads.push_back({out.inputs.size(), {}});
    out.inputs.push_back(*e);
    parts.push_back(make_latest_cell(e->result()));
    return e;
  };
  auto by = v.settings.texts("by");
  for (const auto& [name, text] : v.settings.pairs("select")) {
    if (auto e = read(text, path + ".select." + name.text))
      out.columns.push_back(std::move(*e));
    auto taken = std::ranges::find(by, name.text, &text_at::text) != by.end();
    if (taken || is_reserved(name.text))
      fault(name.at, path + ".select." + name.text, "the name \"" + name.text + "\" is taken",
            "choose another name");
  }
  if (v.settings.has("delete")) {
    out.removes = read({v.settings.text("delete"), v.settings.where("delete")}, path + ".delete");
    if (out.removes && !out.removes->result().is(kind::boolean))
      fault(v.settings.where("delete"), path + ".delete",
            "delete is a bool, this is " + to_string(out.removes->result()));
  } else if (!out.tombstones.empty()) {
    out.removes = read({"false", v.settings.where("tombstones")}, path + ".tombstones");
  }
  std::vector<accumulator_layout::reading> cells;
  for (std::size_t i = 0; i < parts.size(); ++i)
    cells.push_back({i, parts[i]});
  out.span = parts.size();
  parts.push_back(make_span());
  out.reads.emplace_back();
  out.layout = std::make_shared<const accumulator_layout>(std::move(parts), std::move(cells));
}

} // namespace tidemill
