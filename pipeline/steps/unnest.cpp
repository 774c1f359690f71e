#include "pipeline/meta.hpp"
#include "pipeline/steps/steps.hpp"

#include <algorithm>
#include <numeric>
#include <optional>

namespace tidemill {
namespace {

// Events that sinks get from one record, in all, as a multiple of its size: each of thousands of elements may
// repeat a long text that stands beside them.
constexpr std::size_t most_growth = 256;
// Where the lists of a record are multiplied with each other, it may always make so many events; else no more
// than it has bytes.
constexpr std::size_t usual_product = 1024;

struct unnest_settings {
  std::string field;
  std::size_t from = 0;            ///< the column with the lists
  std::vector<std::size_t> fields; ///< columns that events keep
  std::vector<std::size_t> meta;   ///< so, of the record
  std::size_t element = 0;         ///< the column of the elements
  type of;                         ///< of an element
  std::optional<std::size_t> index;
  bool keep_empty = false;
};

class unnest : public step, public step_plan {
public:
  explicit unnest(unnest_settings s) : s_(std::move(s)) {}

  std::unique_ptr<step> instance() const override { return std::make_unique<unnest>(s_); }
  [[nodiscard]] bool spreads() const noexcept override { return true; }
  void apply(event_batch&, const step_context&, std::vector<cel::row_error>&) override {}

  void spread(const event_batch& from, std::span<const std::uint32_t> roots, event_batch& to,
              std::vector<std::uint32_t>& origins, std::vector<cel::row_error>& failures) override {
    elements_.clear();
    std::span<const std::uint32_t> rest{from.selected};
    while (!rest.empty()) {
      auto same = std::size_t{1}; // rows that come from one event
      while (!roots.empty() && same < rest.size() && roots[rest[same]] == roots[rest.front()])
        ++same;
      const auto fault = too_much(from, rest.first(same), !roots.empty());
      for (auto row : rest.first(same))
        if (auto own = fault ? fault : take(from, row, origins))
          failures.push_back({row, std::move(*own)});
      rest = rest.subspan(same);
    }
    place_elements(to);
    rows_.resize(origins.size());
    std::iota(rows_.begin(), rows_.end(), 0u);
    for (const auto* slots : {&s_.fields, &s_.meta})
      for (auto slot : *slots)
        if (const auto& column = from.columns[slot]; column.size() > 0) // else nobody reads it
          fresh(to, slot, column.of()).gather(rows_, column, origins);
  }

private:
  struct element {
    const value* what; ///< null: there is none, and the event is kept
    std::size_t index;
  };

  /// Null: it is none.
  [[nodiscard]] const value_list* list_of(const event_batch& from, std::uint32_t row) const {
    const auto& lists = from.columns[s_.from];
    return lists.is_null(row) ? nullptr : lists.as<value>()[row].as_list();
  }

  /// The elements of a row, or why there are none.
  std::optional<error> take(const event_batch& from, std::uint32_t row, std::vector<std::uint32_t>& origins) {
    const auto* list = list_of(from, row);
    const auto& held = from.columns[s_.from].as<value>()[row];
    const auto is_null = from.columns[s_.from].is_null(row) || held.is_null();
    if (list == nullptr && !is_null)
      return error{errc::event_type,
                   "field " + s_.field + ": expected a list, found " + to_string(type{held.of()})};
    if (is_null || list->empty()) {
      if (s_.keep_empty) {
        elements_.push_back({nullptr, 0});
        origins.push_back(row);
      }
      return std::nullopt;
    }
    for (std::size_t i = 0; i < list->size(); ++i)
      elements_.push_back({&(*list)[i], i});
    origins.insert(origins.end(), list->size(), row);
    return std::nullopt;
  }

  /// Whether rows that come from one event would become more than it is worth. `made`: by another step.
  [[nodiscard]] std::optional<error> too_much(const event_batch& from, std::span<const std::uint32_t> rows,
                                              bool made) {
    std::size_t count = 0;
    for (auto row : rows)
      if (const auto* list = list_of(from, row))
        count += list->size();
    if (count <= most_growth)
      return std::nullopt;
    const auto bytes = from.records[rows.front()].bytes.size();
    if (made && count > std::max(usual_product, bytes))
      return error{errc::event_too_large, "field " + s_.field + ": with the `unnest` before it a record of " +
                                              std::to_string(bytes) + " bytes would become " +
                                              std::to_string(count) +
                                              " events; give each list a stream of its own"};
    std::size_t repeated = 0;
    for (auto row : rows)
      if (const auto* list = list_of(from, row))
        repeated += repeated_by(from, row) * list->size();
    if (repeated <= most_growth * bytes)
      return std::nullopt;
    return error{errc::event_too_large,
                 "field " + s_.field + ": " + std::to_string(count) + " elements would each repeat " +
                     std::to_string(repeated / count) + " bytes of other fields; drop those before `unnest`"};
  }

  [[nodiscard]] std::size_t repeated_by(const event_batch& from, std::uint32_t row) {
    text_.clear();
    for (auto slot : s_.fields)
      if (row < from.columns[slot].size())
        append_json(text_, from.columns[slot].at(row));
    return text_.size();
  }

  void place_elements(event_batch& to) const {
    auto& values = fresh(to, s_.element, s_.of);
    for (std::size_t row = 0; row < elements_.size(); ++row)
      values.set(row, elements_[row].what != nullptr ? *elements_[row].what : value{});
    if (!s_.index)
      return;
    auto& numbers = fresh(to, *s_.index, {kind::integer, s_.keep_empty});
    for (std::size_t row = 0; row < elements_.size(); ++row)
      if (elements_[row].what != nullptr)
        numbers.as<std::int64_t>()[row] = static_cast<std::int64_t>(elements_[row].index);
      else
        numbers.set_null(row);
  }

  /// A column of as many rows as there are elements; its room is that of the last batch.
  column& fresh(event_batch& to, std::size_t slot, const type& of) const {
    if (to.columns.size() <= slot)
      to.columns.resize(slot + 1);
    auto& out = to.columns[slot];
    if (!(out.of() == of))
      out = column{of};
    out.resize(elements_.size());
    return out;
  }

  unnest_settings s_;
  std::vector<element> elements_;
  std::vector<std::uint32_t> rows_;
  std::string text_;
};

/// A field in the place of the list, or a new one; nothing of `fields` is in its column.
std::size_t add_field(step_scope& scope, const std::string& name, const type& of) {
  const auto at = scope.fields.set({name, of, {}, time_format::rfc3339});
  scope.slots.resize(scope.fields.size());
  return scope.slots[at] = scope.columns++;
}

void rename(step_scope& scope, std::size_t at, const std::string& name) {
  auto fields = scope.fields.fields();
  std::vector<std::size_t> slots;
  fields[at].name = name;
  std::vector<field> kept;
  for (std::size_t i = 0; i < fields.size(); ++i)
    if (i == at || fields[i].name != name) {
      kept.push_back(std::move(fields[i]));
      slots.push_back(scope.slots[i]);
    }
  scope.fields = schema{std::move(kept)};
  scope.slots = std::move(slots);
}

std::unique_ptr<step_plan> compile(const component& c, step_scope& scope, std::vector<diagnostic>& out) {
  unnest_settings s;
  s.field = c.settings.text("field");
  const auto as = c.settings.text("as", s.field);
  const auto index = c.settings.text("index");
  std::vector<std::string> known;
  for (const auto& f : scope.fields.fields())
    known.push_back(f.name);
  const auto at = scope.fields.find(s.field);
  auto refuse = [&](const char* setting, std::string text, std::string hint) {
    out.push_back(
        fault_at(c.settings.where(setting), std::string{"unnest."} + setting, std::move(text), hint));
    return nullptr;
  };
  if (!at)
    return refuse("field", "no field \"" + s.field + '"', did_you_mean(s.field, known));
  const auto of = scope.fields[*at].of;
  if (!of.is(kind::list) && !of.is(kind::dyn))
    return refuse("field", "what is unnested is a list, " + s.field + " is " + to_string(of),
                  of.is(kind::string) ? "make a list of it: `set: {" + s.field + ": '" + s.field +
                                            ".split(\",\")'}`, or `parse` with a type such as [string]"
                                      : "");
  if (index == as)
    return refuse("index", "the element and its index can't have the same name", "index: position");
  s.keep_empty = c.settings.text("empty", "drop") == "keep";
  s.of = of.is(kind::list) ? of.first() : type{};
  if (s.keep_empty)
    s.of = s.of.with_null();
  s.from = scope.slots[*at];
  scope.reads(s.from);
  rename(scope, *at, as);
  s.element = add_field(scope, as, s.of);
  if (!index.empty())
    s.index = add_field(scope, index, {kind::integer, s.keep_empty});
  for (auto slot : scope.slots)
    if (slot != s.element && slot != s.index)
      s.fields.push_back(slot);
  for (std::size_t i = 0; scope.meta && i < meta_columns; ++i)
    s.meta.push_back(*scope.meta + i);
  return std::make_unique<unnest>(std::move(s));
}

} // namespace

step_entry unnest_step() {
  return {
      {.name = "unnest",
       .summary = "Makes an event of each element of a list; all other fields are repeated.",
       .example = "unnest: {field: items, as: item, index: line, empty: drop}",
       .fields = {{.name = "field",
                   .type = field_type::text,
                   .text = "The field with the list, of a type such as `[string]`, or `dyn`.",
                   .required = true,
                   .foreign = {"column", "path", "array", "from"}},
                  {.name = "as",
                   .type = field_type::name,
                   .text = "What the field with the element is called, in the place of the list; absent: as "
                           "the list.",
                   .foreign = {"alias", "to", "into", "name"}},
                  {.name = "index",
                   .type = field_type::name,
                   .text = "A further field: the element's place in the list, from 0.",
                   .foreign = {"offset", "ordinality", "position"}},
                  {.name = "empty",
                   .type = field_type::choice,
                   .text = "Where the list is empty or null: `drop`: there is no event; `keep`: one, whose "
                           "element and index are null.",
                   .fallback = "drop",
                   .choices = {"drop", "keep"},
                   .foreign = {"outer", "left", "on_empty", "preserve_empty"}}}},
      compile};
}

} // namespace tidemill
