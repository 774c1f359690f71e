#include "pipeline/plan.hpp"
#include "pipeline/registry.hpp"
#include "tests/support/make_definition.hpp"

#include <catch2/catch.hpp>

#include <string>

using namespace tidemill;
using namespace tidemill::test;
using std::chrono::seconds;

namespace {

using columns = std::vector<std::pair<std::string, std::string>>;

// A view over the events of `generate`.
std::shared_ptr<const plan> plan_of(const columns& select, std::vector<diagnostic>& faults) {
  definition d;
  d.sources.push_back(
      {{"g", {}}, "generate", section({{"time", section_option({{"field", text_option("ts")}})}})});
  d.views.push_back({{"v", {}},
                     section({{"from", text_option("g")},
                              {"window", section_option({{"size", time_option(seconds{60})}})},
                              {"select", pairs_option(select)}})});
  return compile_plan(
      d, [](const component&) { return result<schema>{schema{}}; }, faults);
}

const view_plan& view_of(const std::shared_ptr<const plan>& p) {
  REQUIRE(p);
  return p->sources.at(0).views.at(0);
}

std::string first_fault(const std::string& text) {
  std::vector<diagnostic> faults;
  auto p = plan_of({{"c", text}}, faults);
  REQUIRE(!faults.empty());
  CHECK(p == nullptr);
  return faults[0].path + ": " + faults[0].text;
}

// How many states and how many columns of input a view has.
std::pair<std::size_t, std::size_t> sizes(const columns& select) {
  std::vector<diagnostic> faults;
  const auto p = plan_of(select, faults);
  const auto& v = view_of(p);
  CHECK(v.reads.size() == v.layout->parts());
  return {v.layout->parts(), v.inputs.size()};
}

} // namespace

TEST_CASE("calls that need one state of the same columns share it") {
  using two = std::pair<std::size_t, std::size_t>;
  CHECK(sizes({{"a", "quantile(took_ms, 0.5)"}, {"b", "quantile(took_ms, 0.99) - quantile(took_ms,0.5)"}}) ==
        two{1, 1});
  CHECK(sizes({{"a", "quantile(took_ms, 0.5)"}, {"b", "quantile(took_ms * 2.0, 0.5)"}}) == two{2, 2});
  CHECK(sizes({{"a", "variance(bytes)"}, {"b", "stddev(bytes)"}, {"c", "stddev_pop(bytes)"}}) == two{1, 1});
  CHECK(sizes({{"a", "count()"}, {"b", "rate()"}, {"c", "rate(bytes)"}, {"d", "sum(bytes)"}}) == two{2, 1});
  CHECK(sizes({{"a", "top(page, 3)"}, {"b", "top(page, 5)"}, {"c", "top(page, 50)"}}) == two{2, 1});
  CHECK(sizes({{"a", "sum(bytes)"}, {"b", "avg(bytes)"}, {"c", "max(bytes)"}}) == two{3, 1});
  CHECK(sizes({{"a", "arg_max(page, bytes)"}, {"b", "arg_max(page, took_ms)"}, {"c", "max(bytes)"}}) ==
        two{3, 3});
  CHECK(sizes({{"a", "collect(page, 3)"}, {"b", "collect(page, 4)"}}) == two{2, 1});
}

TEST_CASE("results of a shared state stand in the order of the calls") {
  std::vector<diagnostic> faults;
  const auto p =
      plan_of({{"low", "quantile(bytes, 0.0)"}, {"n", "count()"}, {"high", "quantile(bytes, 1)"}}, faults);
  const auto& v = view_of(p);
  REQUIRE(v.layout->parts() == 2);
  accumulator a{v.layout};
  column bytes{type{kind::integer}};
  bytes.as<std::int64_t>() = {5, 7, 9};
  v.layout->part(0).update(std::vector<std::byte*>(3, a.data()), &bytes, std::vector<std::uint32_t>{0, 1, 2});
  auto results = a.finish();
  REQUIRE(results.size() == 3);
  CHECK(results[0] == value{5.0});
  CHECK(results[1] == value{0});
  CHECK(results[2] == value{9.0});
  CHECK(v.columns[2].evaluate(results) == value{9.0});
}

TEST_CASE("the constant of a quantile is no part of a view's state, that of a histogram is") {
  auto ids = [](const std::string& text) {
    std::vector<diagnostic> faults;
    const auto p = plan_of({{"c", text}}, faults);
    return std::pair{view_of(p).state_id, view_of(p).rows_id};
  };
  CHECK(ids("quantile(bytes, 0.5)").first == ids("quantile(bytes, 0.9)").first);
  CHECK(ids("quantile(bytes, 0.5)").second != ids("quantile(bytes, 0.9)").second);
  CHECK(ids("histogram(bytes, [1])").first != ids("histogram(bytes, [2])").first);
  CHECK(ids("arg_max(page, bytes)").first != ids("arg_max(page, took_ms)").first);
}

TEST_CASE("the example of every aggregate is a column of a view") {
  for (const auto& spec : aggregate_specs()) {
    std::vector<diagnostic> faults;
    INFO(spec.example);
    CHECK(plan_of({{"c", std::string{spec.example}}}, faults) != nullptr);
    for (const auto& f : faults)
      FAIL_CHECK(f.text);
    CHECK(spec.example.substr(0, spec.example.find('(')) == spec.call.substr(0, spec.call.find('(')));
    CHECK((!spec.arguments.empty() && !spec.result.empty() && spec.summary.ends_with('.')));
  }
}

TEST_CASE("constants may be computed, results are lists and maps to what is around them") {
  std::vector<diagnostic> faults;
  const auto p = plan_of({{"share", "double(top(page, 2 + 1)[0].count) / double(count())"},
                          {"slow", "histogram(took_ms, [10.0 * 10.0])[1]"},
                          {"trail", "collect_last(page, 3).join(' > ')"},
                          {"fading", "ewma(took_ms, duration('30s') + duration('30s'))"}},
                         faults);
  for (const auto& f : faults)
    FAIL_CHECK(f.text);
  CHECK(p != nullptr);
}

TEST_CASE("a call that can't be made is told with its place and what the function takes") {
  CHECK(first_fault("top(page)") == "views.v.select.c: top() takes any value, and a constant count from 1 to "
                                    "1000; the constant is missing");
  CHECK(first_fault("top(page, status)").ends_with("; the last argument must be a constant"));
  CHECK(first_fault("arg_max(page)").find("arg_max() takes any value, and one bool, ") != std::string::npos);
  CHECK(first_fault("ewma(took_ms, '30s')").ends_with("here it is \"30s\": write duration('30s')"));
  CHECK(first_fault("histogram(bytes, [3, 2])").ends_with("bounds must ascend, 2 follows 3"));
  CHECK(first_fault("ratio(status)").ends_with("ratio() takes one bool; here the argument is int"));
}
