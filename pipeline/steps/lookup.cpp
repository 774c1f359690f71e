#include "pipeline/steps/steps.hpp"

#include <algorithm>
#include <stdexcept>

namespace tidemill {
namespace {

enum class on_miss : std::uint8_t { null, dead };

struct lookup_settings {
  std::size_t table;
  std::string table_name;
  cel::expression key;
  std::vector<std::string> columns; ///< of the table, by name: a new version may order them otherwise
  std::vector<std::size_t> slots;   ///< where they go
  std::vector<type> types;
  on_miss miss;
};

class lookup : public step, public step_plan {
public:
  explicit lookup(lookup_settings s) : s_(std::move(s)) {}

  std::unique_ptr<step> instance() const override { return std::make_unique<lookup>(s_); }

  void apply(event_batch& batch, const table_set& tables, std::vector<cel::row_error>& failures) override {
    const auto& table = tables[s_.table];
    if (!table)
      throw std::logic_error{"table " + s_.table_name + " has no version yet"};
    resolve(*table);
    column keys;
    auto before = failures.size();
    s_.key.evaluate(batch, batch.selected, keys, failures);
    drop_failed(batch.selected, std::span{failures}.subspan(before));
    std::vector<column> found;
    for (const auto& t : s_.types)
      found.emplace_back(t).resize(batch.rows());
    std::vector<value> cells;
    std::vector<cel::row_error> missing;
    for (auto row : batch.selected) {
      cells.assign(wanted_.size(), value{});
      auto key = keys.at(row);
      auto hit = !key.is_null() && table->find(key, wanted_, cells);
      if (!hit && s_.miss == on_miss::dead)
        missing.push_back({row, {errc::lookup_miss, "no such key in table " + s_.table_name}});
      for (std::size_t i = 0; i < found.size(); ++i)
        found[i].set(row, hit ? cells[i] : value{});
    }
    failures.insert(failures.end(), missing.begin(), missing.end());
    drop_failed(batch.selected, missing);
    auto columns = batch.columns.size();
    for (auto slot : s_.slots)
      columns = std::max(columns, slot + 1);
    batch.columns.resize(columns);
    for (std::size_t i = 0; i < found.size(); ++i)
      batch.columns[s_.slots[i]] = std::move(found[i]);
  }

private:
  /// Finds the columns of this version.
  void resolve(const lookup_table& table) {
    if (version_ == table.version())
      return;
    wanted_.clear();
    for (const auto& name : s_.columns)
      wanted_.push_back(table.columns().find(name).value());
    version_ = table.version();
  }

  lookup_settings s_;
  std::string version_;
  std::vector<std::size_t> wanted_;
};

std::unique_ptr<step_plan> compile(const component& c, step_scope& scope, std::vector<diagnostic>& out) {
  auto table_name = c.settings.text("table");
  auto table = std::ranges::find(scope.tables, table_name, &step_scope::table::name);
  auto key =
      compile_at({c.settings.text("key"), c.settings.where("key")}, scope.environment(), "lookup.key", out);
  if (table == scope.tables.end()) {
    std::vector<std::string> known;
    for (const auto& t : scope.tables)
      known.push_back(t.name);
    out.push_back(fault_at(c.settings.where("table"), "lookup.table", "no table \"" + table_name + "\"",
                           did_you_mean(table_name, known)));
  }
  if (!key || table == scope.tables.end())
    return nullptr;
  for (auto slot : key->slots())
    scope.reads(slot);
  auto miss = c.settings.text("on_miss", "null") == "dead" ? on_miss::dead : on_miss::null;
  lookup_settings s{
      static_cast<std::size_t>(table - scope.tables.begin()), table_name, std::move(*key), {}, {}, {}, miss};
  std::vector<std::string> known;
  for (const auto& f : table->columns.fields())
    known.push_back(f.name);
  auto sound = true;
  for (const auto& [name, column] : c.settings.pairs("set")) {
    auto at = table->columns.find(column.text);
    if (!at) {
      out.push_back(fault_at(column.at, "lookup.set." + name.text,
                             "table " + table_name + " has no column \"" + column.text + "\"",
                             did_you_mean(column.text, known)));
      sound = false;
      continue;
    }
    auto of = table->columns[*at].of;
    if (miss == on_miss::null)
      of = of.with_null();
    s.columns.push_back(column.text);
    s.slots.push_back(scope.columns++);
    s.types.push_back(of);
    auto field_at = scope.fields.set({name.text, of, {}, time_format::rfc3339});
    scope.slots.resize(scope.fields.size());
    scope.slots[field_at] = s.slots.back();
  }
  return sound ? std::make_unique<lookup>(std::move(s)) : nullptr;
}

} // namespace

step_entry lookup_step() {
  return {{.name = "lookup",
           .summary = "Adds columns of a reference table's row with this key.",
           .example = "lookup: {table: geo, key: ip, set: {country: country_code}}",
           .fields = {{.name = "table",
                       .type = field_type::reference,
                       .text = "A table of `tables:`.",
                       .required = true},
                      {.name = "key",
                       .type = field_type::expression,
                       .text = "What is looked up.",
                       .required = true,
                       .foreign = {"on"}},
                      {.name = "set",
                       .type = field_type::expressions,
                       .text = "New field → column of the table.",
                       .required = true,
                       .foreign = {"columns", "fields", "select"}},
                      {.name = "on_miss",
                       .type = field_type::choice,
                       .text = "`null`: the fields are null; `dead`: the event becomes a dead letter.",
                       .fallback = "null",
                       .choices = {"null", "dead"}}}},
          compile};
}

} // namespace tidemill
