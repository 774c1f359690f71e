#include "event/hash.hpp"
#include "pipeline/steps/steps.hpp"

#include <boost/unordered/unordered_flat_map.hpp>

#include <algorithm>
#include <stdexcept>

namespace tidemill {
namespace {

enum class on_miss : std::uint8_t { null, dead, fallback };

struct lookup_settings {
  std::size_t table;
  std::string table_name;
  cel::expression key;
  std::optional<cel::expression> at; ///< the time for which a row is looked up
  std::vector<std::string> columns;  ///< of the table, by name: a new version may order them otherwise
  std::vector<std::size_t> slots;    ///< where they go
  std::vector<type> types;
  on_miss miss;
  std::vector<value> fallbacks; ///< what fields are where there is no row
};

/// Rows of a table version that were found, by key, unboxed. Grows up to a limit, then starts anew: a table
/// is asked once for each key that comes often.
class found_rows {
public:
  static constexpr std::size_t most_keys = 1u << 16;

  /// `missing`: the row that stands for "no such key".
  found_rows(const std::vector<type>& types, std::vector<value> missing) : missing_(std::move(missing)) {
    for (const auto& t : types)
      columns_.emplace_back(t);
    clear();
  }

  void clear() {
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      auto& c = columns_[i];
      c = column{c.of()}; // a batch may still point into the old one
      c.resize(1);
      if (!missing_[i].is_null())
        c.set(0, missing_[i]);
      else if (c.of().nullable())
        c.set_null(0);
    }
    rows_ = 1;
    numbers_.clear();
    memory_.clear();
  }

  /// Row 0 stands for "no such key". `find(cells)` asks the table.
  template <class Find>
  std::uint32_t number(std::string_view key, Find find) {
    if (auto it = numbers_.find(key); it != numbers_.end())
      return it->second;
    auto n = std::uint32_t{0};
    if (cells_.assign(columns_.size(), {}); find(cells_)) {
      n = rows_++;
      for (std::size_t i = 0; i < columns_.size(); ++i) {
        columns_[i].resize(n + 1);
        columns_[i].set(n, cells_[i]);
      }
    }
    numbers_.emplace(memory_.copy(key), n);
    return n;
  }

  [[nodiscard]] bool full() const noexcept {
    auto bytes = memory_.bytes();
    for (const auto& c : columns_)
      bytes += c.shared_memory() ? c.shared_memory()->bytes() : 0;
    return numbers_.size() >= most_keys || bytes > most_bytes;
  }
  [[nodiscard]] const column& operator[](std::size_t i) const { return columns_[i]; }

private:
  static constexpr std::size_t most_bytes = 16u << 20;

  struct key_hash {
    using is_avalanching = void;
    std::size_t operator()(std::string_view key) const noexcept { return hash64(key); }
  };
  boost::unordered_flat_map<std::string_view, std::uint32_t, key_hash> numbers_;
  arena memory_; // of the keys
  std::vector<column> columns_;
  std::vector<value> missing_;
  std::uint32_t rows_ = 1;
  std::vector<value> cells_;
};

class lookup : public step, public step_plan {
public:
  explicit lookup(lookup_settings s) : s_(std::move(s)), found_(s_.types, s_.fallbacks) {}

  std::unique_ptr<step> instance() const override { return std::make_unique<lookup>(s_); }

  void apply(event_batch& batch, const step_context& context,
             std::vector<cel::row_error>& failures) override {
    const auto& table = context.tables[s_.table];
    if (!table)
      throw std::logic_error{"table " + s_.table_name + " has no version yet"};
    resolve(*table);
    auto before = failures.size();
    s_.key.evaluate(batch, batch.selected, keys_, failures);
    drop_failed(batch.selected, std::span{failures}.subspan(before));
    if (s_.at) {
      const auto now = failures.size();
      s_.at->evaluate(batch, batch.selected, times_, failures);
      drop_failed(batch.selected, std::span{failures}.subspan(now));
    }
    find(*table, batch.selected);
    store(batch);
    if (s_.miss == on_miss::dead)
      drop_missing(batch.selected, failures);
  }

private:
  /// Finds the columns of this version.
  void resolve(const lookup_table& table) {
    if (found_.full())
      found_.clear();
    if (version_ == table.version())
      return;
    wanted_.clear();
    for (const auto& name : s_.columns)
      wanted_.push_back(table.columns().find(name).value());
    version_ = table.version();
    found_.clear();
  }

  void find(const lookup_table& table, const selection& rows) {
    numbers_.clear();
    const auto* texts = keys_.of().is(kind::string) && !s_.at ? keys_.as<std::string_view>().data() : nullptr;
    for (auto row : rows) {
      if (keys_.is_null(row) || (s_.at && times_.is_null(row))) {
        numbers_.push_back(0);
        continue;
      }
      if (texts == nullptr) {
        key_.clear();
        append_encoded(key_, keys_, row);
        if (s_.at)
          append_encoded(key_, times_, row);
      }
      numbers_.push_back(found_.number(texts != nullptr ? texts[row] : key_, [&](std::vector<value>& cells) {
        auto key = keys_.at(row);
        if (key.is_null())
          return false;
        return s_.at ? table.find_at(key, times_.as<timestamp>()[row], wanted_, cells)
                     : table.find(key, wanted_, cells);
      }));
    }
  }

  void store(event_batch& batch) {
    auto columns = batch.columns.size();
    for (auto slot : s_.slots)
      columns = std::max(columns, slot + 1);
    batch.columns.resize(columns);
    for (std::size_t i = 0; i < s_.slots.size(); ++i) {
      auto& out = batch.columns[s_.slots[i]];
      if (out.of() == s_.types[i])
        out.clear();
      else
        out = column{s_.types[i]};
      out.resize(batch.rows());
      out.gather(batch.selected, found_[i], numbers_);
    }
  }

  void drop_missing(selection& rows, std::vector<cel::row_error>& failures) {
    auto before = failures.size();
    for (std::size_t i = 0; i < rows.size(); ++i)
      if (numbers_[i] == 0)
        failures.push_back({rows[i], {errc::lookup_miss, "no such key in table " + s_.table_name}});
    drop_failed(rows, std::span{failures}.subspan(before));
  }

  lookup_settings s_;
  std::string version_;
  std::vector<std::size_t> wanted_;
  found_rows found_;
  column keys_, times_;
  std::string key_;
  std::vector<std::uint32_t> numbers_; // of `found_`, by selected row
};

bool has_errors_since(const std::vector<diagnostic>& all, std::size_t before) {
  return std::any_of(all.begin() + static_cast<std::ptrdiff_t>(before), all.end(),
                     [](const diagnostic& d) { return d.level == severity::error; });
}

/// The time for which rows are looked up, where the table's rows are valid for a time.
std::optional<cel::expression> read_time(const component& c, const step_scope::table& table,
                                         step_scope& scope, std::vector<diagnostic>& out) {
  if (table.timed != c.settings.has("at")) {
    out.push_back(
        table.timed ? fault_at(c.settings.at, "lookup", "rows of " + table.name + " are valid for a time",
                               "say which: at: 'ts'")
                    : fault_at(c.settings.where("at"), "lookup.at", "rows of " + table.name + " have no time",
                               "give the table `valid`, or remove `at`"));
    return std::nullopt;
  }
  if (!table.timed)
    return std::nullopt;
  auto at =
      compile_at({c.settings.text("at"), c.settings.where("at")}, scope.environment(), "lookup.at", out);
  if (!at)
    return std::nullopt;
  if (!at->result().is(kind::timestamp))
    out.push_back(fault_at(c.settings.where("at"), "lookup.at",
                           "a time is a timestamp, this is " + to_string(at->result())));
  for (auto slot : at->slots())
    scope.reads(slot);
  return at;
}

/// What a field is where there is no row: a constant of the column's type.
value read_default(const component& c, const std::string& field, const type& of,
                   std::vector<diagnostic>& out) {
  for (const auto& [name, text] : c.settings.pairs("default")) {
    if (name.text != field)
      continue;
    auto e = compile_at(text, {.variables = {}, .event = false}, "lookup.default." + field, out);
    if (!e)
      return {};
    auto v = e->evaluate(std::span<const value>{});
    const auto number = of.is(kind::real) && v.get_if<std::int64_t>() != nullptr;
    if (number)
      v = value{static_cast<double>(*v.get_if<std::int64_t>())};
    if (v.is_error() || v.of() != of.of())
      out.push_back(fault_at(text.at, "lookup.default." + field,
                             v.is_error()
                                 ? v.as_error().text()
                                 : "the column is " + to_string(of) + ", this is " + to_string(e->result())));
    return v;
  }
  if (!of.nullable())
    out.push_back(fault_at(c.settings.where("on_miss"), "lookup.on_miss",
                           "what is " + field + " where there is no row?", "default: {" + field + ": …}"));
  return {};
}

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
  if (!key || table == scope.tables.end() || table->broken)
    return nullptr;
  for (auto slot : key->slots())
    scope.reads(slot);
  const auto before = out.size();
  auto time = read_time(c, *table, scope, out);
  const auto word = c.settings.text("on_miss", "null");
  auto miss = word == "dead" ? on_miss::dead : word == "default" ? on_miss::fallback : on_miss::null;
  lookup_settings s{static_cast<std::size_t>(table - scope.tables.begin()),
                    table_name,
                    std::move(*key),
                    std::move(time),
                    {},
                    {},
                    {},
                    miss,
                    {}};
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
    auto fallback = miss == on_miss::fallback ? read_default(c, name.text, of, out) : value{};
    if (miss == on_miss::null)
      of = of.with_null();
    s.fallbacks.push_back(std::move(fallback));
    s.columns.push_back(column.text);
    s.slots.push_back(scope.columns++);
    s.types.push_back(of);
    auto field_at = scope.fields.set({name.text, of, {}, time_format::rfc3339});
    scope.slots.resize(scope.fields.size());
    scope.slots[field_at] = s.slots.back();
  }
  const auto made = c.settings.pairs("set");
  for (const auto& [name, text] : c.settings.pairs("default"))
    if (std::ranges::find(made, name.text, [](const auto& p) { return p.first.text; }) == made.end())
      out.push_back(
          fault_at(name.at, "lookup.default." + name.text, "`set` makes no field \"" + name.text + '"'));
  if (c.settings.has("default") && miss != on_miss::fallback)
    out.push_back(fault_at(c.settings.where("default"), "lookup.default", "defaults are not used",
                           "add `on_miss: default`"));
  return sound && !has_errors_since(out, before) ? std::make_unique<lookup>(std::move(s)) : nullptr;
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
                      {.name = "at",
                       .type = field_type::expression,
                       .text = "For tables with `valid`: the time for which the row is looked up.",
                       .foreign = {"as_of", "time"}},
                      {.name = "on_miss",
                       .type = field_type::choice,
                       .text = "`null`: the fields are null; `dead`: the event becomes a dead letter; "
                               "`default`: they are as `default` says.",
                       .fallback = "null",
                       .choices = {"null", "dead", "default"}},
                      {.name = "default",
                       .type = field_type::expressions,
                       .text = "With `on_miss: default`: field → constant.",
                       .foreign = {"defaults", "fallback"}}}},
          compile};
}

} // namespace tidemill
