#include "pipeline/row_filter.hpp"

namespace tidemill {

cel::environment row_environment(const view_schema& view) {
  cel::environment names;
  names.event = false;
  for (const auto& f : view.columns)
    names.variables.push_back({f.name, f.of.with_null(), names.variables.size()});
  for (auto [name, of] : {std::pair{"window_start", kind::timestamp},
                          {"window_end", kind::timestamp},
                          {"state", kind::string},
                          {"revision", kind::integer}})
    names.variables.push_back({name, of, names.variables.size()});
  return names;
}

std::vector<value> row_slots(const row& r) {
  auto slots = r.columns;
  slots.emplace_back(to_timestamp(r.window_start));
  slots.emplace_back(to_timestamp(r.window_end));
  slots.emplace_back(to_string(r.state));
  slots.emplace_back(std::int64_t{r.revision});
  return slots;
}

result<std::function<bool(const row&)>> compile_row_filter(const view_schema& view, std::string_view where) {
  std::vector<cel::fault> faults;
  auto holds = cel::expression::compile(where, row_environment(view), faults, cel::limits_of_readers);
  if (!holds) {
    const auto& f = faults.front();
    auto text = std::to_string(f.line) + ":" + std::to_string(f.column) + ": " + f.text;
    return error{errc::expression_invalid, f.hint.empty() ? text : text + " (" + f.hint + ")"};
  }
  if (!holds->result().is(kind::boolean) && !holds->result().is(kind::dyn))
    return error{errc::expression_invalid, "a filter is a bool, this is " + to_string(holds->result())};
  return std::function<bool(const row&)>{[holds = *holds](const row& r) {
    auto v = holds.evaluate(row_slots(r));
    const auto* b = v.get_if<bool>();
    return b != nullptr && *b;
  }};
}

} // namespace tidemill
