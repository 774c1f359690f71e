// Links: tidemill_pipeline
// The state of a partition and the log of a view, as they are stored: true bytes with damages, or any bytes,
// are refused or restored. (In the program checksums stand before them.)

#include "pipeline/partition.hpp"
#include "pipeline/plan.hpp"
#include "pipeline/view_state.hpp"
#include "tests/fuzz/fuzz_target.hpp"
#include "tests/support/kept_state.hpp"
#include "tests/support/make_definition.hpp"

namespace tidemill::test {
namespace {

constexpr const char* aggregates[][2] = {
    {"n", "count()"},      {"total", "sum(v)"},     {"exact", "sum(m)"},         {"mean", "avg(x)"},
    {"least", "min(s)"},   {"spread", "stddev(x)"}, {"kinds", "distinct(s)"},    {"p99", "quantile(x, 0.99)"},
    {"most", "top(s, 3)"}, {"head", "first(s)"},    {"longest", "arg_max(s, v)"}};

/// Steps that remember keys.
std::vector<component> make_steps() {
  using std::chrono::seconds;
  const option few{{}, std::int64_t{50}};
  auto model = section({{"model", text_option("seasonal_profile")}, {"value", text_option("x")}});
  return {
      {{},
       "dedup",
       section({{"by", texts_option({"s", "v"})}, {"within", time_option(seconds{20})}, {"max_keys", few}})},
      {{},
       "rate_limit",
       section({{"by", texts_option({"k"})},
                {"events", {{}, std::int64_t{5}}},
                {"per", time_option(seconds{10})},
                {"max_keys", few}})},
      {{},
       "score",
       section({{"by", texts_option({"k"})},
                {"set", sections_option({{"odd", std::move(model)}})},
                {"max_keys", few}})}};
}

std::shared_ptr<const plan> make_plan() {
  using std::chrono::seconds;
  definition d;
  d.sources.push_back(
      {{"log", {}},
       "test",
       section({{"format", text_option("csv")},
                {"csv", section_option({{"header", {{}, false}},
                                        {"columns", texts_option({"t", "k", "v", "x", "m", "s"})}})},
                {"schema", schema_option({{"t", "timestamp_s"},
                                          {"k", "string"},
                                          {"v", "int"},
                                          {"x", "double"},
                                          {"m", "decimal"},
                                          {"s", "string"}})},
                {"time", section_option(
                             {{"field", text_option("t")}, {"out_of_order", time_option(seconds{5})}})}})});
  d.streams.push_back({{"stepped", {}}, {"log", {}}, make_steps()});
  std::vector<std::pair<std::string, std::string>> select;
  for (const auto& [name, text] : aggregates)
    select.emplace_back(name, text);
  for (auto slide : {20, 10})
    d.views.push_back({{slide == 20 ? "tumbling" : "sliding", {}},
                       section({{"from", text_option("log")},
                                {"by", texts_option({"k"})},
                                {"window", section_option({{"size", time_option(seconds{20})},
                                                           {"slide", time_option(seconds{slide})}})},
                                {"select", pairs_option(select)}})});
  std::vector<diagnostic> faults;
  auto made = compile_plan(
      d, [](const component&) { return result<schema>{schema{}}; }, faults);
  for (const auto& f : faults)
    finding(to_string(f, "plan"));
  return made;
}

/// What a worker would have stored in the middle of some records.
kept_state make_state(const std::shared_ptr<const plan>& all) {
  auto lines = std::make_shared<std::vector<std::string>>();
  for (int i = 0; i < 60; ++i)
    lines->push_back(std::to_string(100 + i) + ",key" + std::to_string(i % 3) + "," + std::to_string(i) +
                     "," + std::to_string(i) + ".5,0." + std::to_string(i) + ",text" + std::to_string(i % 7));
  auto batch = std::make_shared<record_batch>();
  for (const auto& line : *lines) {
    batch->records.push_back({line, batch->end, batch->end + 1, {}});
    ++batch->end;
  }
  batch->memory = lines;
  partition p{all, 0, partition_id{}, false, {}};
  p.start(0);
  std::vector<emission> out;
  p.apply(batch, out);
  return keep_all(*p.snapshot());
}

/// Bytes of the input say where and what; most of the time few.
void damage(fuzz_input& in, std::string& bytes) {
  for (auto n = in.byte() % 4; n > 0 && !bytes.empty(); --n) {
    auto at = in.number<std::uint16_t>() % bytes.size();
    switch (in.byte() % 4) {
    case 0:
      bytes.resize(at);
      break;
    case 1:
      bytes.insert(at, in.take(in.byte() % 8));
      break;
    default:
      bytes[at] = static_cast<char>(in.byte());
    }
  }
}

void restore(const std::shared_ptr<const plan>& all, const kept_state& state) {
  partition p{all, 0, partition_id{}, false, {}};
  if (p.restore(60, state.core, state.pieces(), [](const std::string&) { return true; }))
    (void)keep_all(*p.snapshot());
}

} // namespace

void fuzz_one(std::string_view input) {
  static const auto all = make_plan();
  static const auto whole = make_state(all);
  fuzz_input in{input};
  switch (in.byte() % 3) {
  case 0: {
    auto state = whole;
    damage(in, state.core);
    for (auto& w : state.writes)
      for (auto& piece : w.pieces)
        damage(in, piece);
    return restore(all, state);
  }
  case 1: {
    kept_state state;
    state.core = in.take(in.number<std::uint16_t>());
    state.writes.push_back({{}, {std::string{in.rest()}}});
    return restore(all, state);
  }
  default: {
    view_state view{all->sources[0].views[in.byte() % 2], 2};
    while (!in.rest().empty())
      if (!view.recover(in.take(in.byte())))
        return;
    (void)view.head();
  }
  }
}

} // namespace tidemill::test
