#include "pipeline/bucket_table_impl.hpp"
#include "pipeline/model/detector.hpp"
#include "pipeline/read_score.hpp"
#include "pipeline/registry.hpp"
#include "pipeline/row_parts.hpp"
#include "pipeline/steps/bucket_state.hpp"
#include "pipeline/steps/keyed.hpp"
#include "pipeline/steps/steps.hpp"

#include <algorithm>

namespace tidemill {
namespace {

/// The models of one key, one for each field that the step sets.
struct key_models {
  std::atomic<std::uint32_t> refs{1};
  std::vector<std::unique_ptr<detector>> all;

  key_models() = default;
  key_models(const key_models& other) {
    for (const auto& m : other.all)
      all.push_back(m->clone());
  }
};

/// Models as values of a table. Copies share them; nothing: the key is young again, and in another bucket.
class model_values {
public:
  using type = counted<key_models>;

  explicit model_values(std::shared_ptr<const key_models> fresh) : fresh_(std::move(fresh)) {}

  void save(const type& v, const type&, byte_writer& out) const {
    std::string bytes;
    byte_writer models{bytes};
    if (v)
      for (const auto& m : v->all)
        m->save(models);
    out.u8(v ? 1 : 0);
    out.text(bytes);
  }
  [[nodiscard]] bool load(type& v, const type&, byte_reader& in) const {
    auto there = in.u8() != 0;
    byte_reader models{in.text()};
    if (!there)
      return in.ok() && models.at_end();
    v = make();
    return std::ranges::all_of(v->all, [&](auto& m) { return m->load(models); }) && models.ok() &&
           models.at_end();
  }
  [[nodiscard]] type make() const { return type{new key_models{*fresh_}}; }

private:
  std::shared_ptr<const key_models> fresh_; // of a key that has no past
};

/// Models by key in two generations, the buckets of the table. When the young one is full the old one is
/// forgotten and the young becomes old; a key of the old one that comes again becomes young.
class model_state final : public step_state {
public:
  model_state(std::shared_ptr<const key_models> fresh, std::size_t max_keys)
      : values_(fresh), table_(model_values{std::move(fresh)}), most_((max_keys + 1) / 2) {
    table_.drop_below(-1); // generation 0 is young
  }

  /// The models of a key, to be changed by the record that ends at `at`. Valid until the next call.
  key_models& of(const hash128& key, offset at) {
    auto& kept = find(key, at);
    if (!kept)
      kept = values_.make();
    else if (!kept.alone())
      kept = counted{new key_models{*kept}};
    return *kept;
  }

  void save(byte_writer& out) const override {
    out.u8(format);
    out.svarint(table_.first());
    out.varint(moved_);
    out.varint(table_.size());
  }
  bool load(byte_reader& in) override {
    auto known = in.u8() == format;
    auto first = in.svarint();
    moved_ = in.varint();
    expected_ = in.varint();
    if (!known || !in.ok() || first < -1 || first > most_generations || moved_ > most_)
      return false;
    table_.drop_below(first);
    return true;
  }
  std::unique_ptr<const frozen_part> freeze() const override { return table_.freeze(); }
  bool restore(std::string_view sections) override { return table_.restore(sections, 2 * most_); }
  bool finish_restore() override { return table_.finish_restore() && table_.size() == expected_; }
  step_totals totals() const override { return {table_.size() - moved_, 0}; }

private:
  static constexpr std::uint8_t format = 1;
  static constexpr std::int64_t most_generations = std::int64_t{1} << 62;

  counted<key_models>& find(const hash128& key, offset at) {
    auto young = table_.first() + 1;
    if (table_.find(young, key) != nullptr)
      return table_.change(young, key, at);
    counted<key_models> past;
    if (const auto* old = table_.find(young - 1, key); old != nullptr) {
      past = std::exchange(table_.change(young - 1, key, at), {});
      ++moved_;
    }
    if (table_.size(young) >= most_) {
      table_.drop_below(young++);
      moved_ = 0;
    }
    return table_.change(young, key, at) = std::move(past);
  }

  model_values values_;
  bucket_table<model_values> table_;
  std::size_t most_;           // keys of a generation
  std::uint64_t moved_ = 0;    // of the old one that are young again
  std::uint64_t expected_ = 0; // entries that are to be restored
};

struct scored_field {
  cel::expression value;
  std::size_t slot;
};

struct score_settings {
  std::vector<std::size_t> by;
  std::vector<scored_field> fields;
  std::shared_ptr<const key_models> fresh;
  std::size_t max_keys = 0;
};

class score final : public step {
public:
  explicit score(score_settings s)
      : s_(std::move(s)), models_(s_.fresh, s_.max_keys), values_(s_.fields.size()) {}

  step_state* state() noexcept override { return &models_; }

  void apply(event_batch& batch, const step_context&, std::vector<cel::row_error>& failures) override {
    for (std::size_t i = 0; i < s_.fields.size(); ++i) {
      auto before = failures.size();
      s_.fields[i].value.evaluate(batch, batch.selected, values_[i], failures);
      drop_failed(batch.selected, std::span{failures}.subspan(before));
    }
    for (const auto& f : s_.fields)
      open(batch, f.slot);
    for (auto row : batch.selected) {
      auto& models = models_.of(key_of_row(batch, s_.by, row, scratch_), batch.records[row].end);
      for (std::size_t i = 0; i < s_.fields.size(); ++i) {
        auto& out = batch.columns[s_.fields[i].slot];
        if (auto x = to_number(values_[i].at(row)))
          out.as<double>()[row] = models.all[i]->score(batch.times[row], *x);
        else
          out.set_null(row);
      }
    }
  }

private:
  static void open(event_batch& batch, std::size_t slot) {
    if (batch.columns.size() <= slot)
      batch.columns.resize(slot + 1);
    auto& out = batch.columns[slot];
    const type real{kind::real, true};
    if (out.of() == real)
      out.clear();
    else
      out = column{real};
    out.resize(batch.rows());
  }

  score_settings s_;
  model_state models_;
  std::vector<column> values_;
  std::string scratch_;
};

class score_step_plan final : public step_plan {
public:
  explicit score_step_plan(score_settings s) : s_(std::move(s)) {}
  std::unique_ptr<step> instance() const override { return std::make_unique<score>(s_); }
  bool stateful() const noexcept override { return true; }

private:
  score_settings s_;
};

/// A new column for each field, after all values are compiled: they see the events as they come.
std::unique_ptr<step_plan> compile(const component& c, step_scope& scope, std::vector<diagnostic>& out) {
  auto before = out.size();
  auto by = read_step_key(c, scope, out);
  auto max_keys = read_max_keys(c, out);
  std::vector<score_plan> scores;
  for (const auto& [name, settings] : c.settings.sections("set"))
    if (auto made = read_score(name, *settings, scope.environment(), "score.set." + name.text, out))
      scores.push_back(std::move(*made));
  if (scores.empty() && out.size() == before)
    out.push_back(fault_at(c.settings.where("set"), "score.set", "set names no field",
                           "set: {surprise: {model: seasonal_profile, value: took_ms}}"));
  if (out.size() != before)
    return nullptr;
  auto fresh = std::make_shared<key_models>();
  std::vector<scored_field> fields;
  for (auto& s : scores) {
    for (auto slot : s.value.slots())
      scope.reads(slot);
    fresh->all.push_back(*s.model->make(s.settings)); // `read_score` has made one before
    auto at = scope.fields.set({s.name, type{kind::real, true}, {}, time_format::rfc3339});
    scope.slots.resize(scope.fields.size());
    scope.slots[at] = scope.columns++;
    fields.push_back({std::move(s.value), scope.slots[at]});
  }
  return std::make_unique<score_step_plan>(
      score_settings{std::move(*by), std::move(fields), std::move(fresh), *max_keys});
}

} // namespace

step_entry score_step() {
  return {{.name = "score",
           .summary = "Adds anomaly scores, from 0 to 1: how unusual a number of the event is for its key.",
           .example = "score: {by: user, set: {surprise: {model: seasonal_profile, value: took_ms}}}",
           .fields =
               {{.name = "by",
                 .type = field_type::texts,
                 .text = "Fields whose values have models of their own.",
                 .required = true,
                 .foreign = {"key", "keys", "group_by"}},
                {.name = "set",
                 .type = field_type::sections,
                 .text = "Field → model, value and the settings of the model; null where the value is null.",
                 .required = true,
                 .inner = &score_spec(),
                 .foreign = {"fields", "scores", "into"}},
                {.name = "max_keys",
                 .type = field_type::integer,
                 .text = "Keys that a partition remembers at most, about 700 bytes each and model. The half "
                         "of them seen last is never forgotten: twice the keys in use lose nothing.",
                 .fallback = "100000",
                 .foreign = {"capacity", "cap"}}}},
          compile};
}

} // namespace tidemill
