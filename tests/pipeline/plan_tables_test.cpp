// What the plan refuses of tables that are views, and says about it.
#include "pipeline/plan.hpp"
#include "tests/support/make_definition.hpp"

#include <catch2/catch.hpp>

using namespace tidemill;
using namespace tidemill::test;
using Catch::Contains;
using std::chrono::hours;

namespace {

struct table_of {
  std::string from = "now", key = "k";
  std::vector<std::pair<std::string, std::string>> columns{
      {"k", "string"}, {"name", "string?"}, {"n", "int"}};
};

/// The faults of a table, over a log with a latest view `now`, a view `both` by two fields, and one with
/// windows.
std::string faults_of(const table_of& t) {
  definition d;
  d.sources.push_back(
      {{"log", {}},
       "test",
       section(
           {{"format", text_option("json")},
            {"schema",
             schema_option({{"t", "timestamp_s"}, {"k", "string"}, {"name", "string?"}, {"n", "int"}})},
            {"time", section_option({{"field", text_option("t")}, {"out_of_order", time_option({})}})}})});
  auto view = [&](const char* name, std::vector<std::string> by, option window, const char* n) {
    d.views.push_back({{name, {}},
                       section({{"from", text_option("log")},
                                {"by", texts_option(std::move(by))},
                                {"window", std::move(window)},
                                {"select", pairs_option({{"name", "name"}, {"n", n}})}})});
  };
  view("now", {"k"}, text_option("latest"), "n");
  view("both", {"k", "t"}, text_option("latest"), "n");
  d.views.push_back({{"hourly", {}},
                     section({{"from", text_option("log")},
                              {"by", texts_option({"k"})},
                              {"window", section_option({{"size", time_option(hours{1})}})},
                              {"select", pairs_option({{"n", "count()"}})}})});
  d.tables.push_back({{"t", {}},
                      "view",
                      section({{"from", text_option(t.from)},
                               {"key", text_option(t.key)},
                               {"columns", schema_option(t.columns)}})});
  std::vector<diagnostic> faults;
  (void)compile_plan(
      d, [](const component&) { return result<schema>{schema{}}; }, faults);
  std::string all;
  for (const auto& f : faults)
    all += to_string(f, "p") + '\n';
  return all;
}

} // namespace

TEST_CASE("a table of a latest view has its columns, or some of them, and may allow for null") {
  CHECK(faults_of({}).empty());
  CHECK(faults_of({.columns = {{"k", "string"}, {"n", "int?"}}}).empty());
}

TEST_CASE("a table is made of a view that is there, with one row per key") {
  CHECK_THAT(faults_of({.from = "later"}), Contains("tables.t.from: there is no view \"later\""));
  CHECK_THAT(faults_of({.from = "hourly"}),
             Contains("hourly has a row for each window of a key") && Contains("window: latest"));
}

TEST_CASE("the key of a table is what its view is by, and has a type") {
  CHECK_THAT(faults_of({.key = "n"}), Contains("tables.t.key: the rows of now are not by n alone"));
  CHECK_THAT(faults_of({.from = "both"}), Contains("the rows of both are not by k alone"));
  CHECK_THAT(faults_of({.columns = {{"n", "int"}}}),
             Contains("the key has no type") && Contains("k: string"));
}

TEST_CASE("the columns of a table are of the view and of its types") {
  CHECK_THAT(faults_of({.columns = {{"k", "string"}, {"m", "int"}}}),
             Contains("tables.t.columns.m: now has no column \"m\""));
  CHECK_THAT(faults_of({.columns = {{"k", "string"}, {"n", "double"}}}),
             Contains("n of now is int, not double"));
  CHECK_THAT(faults_of({.columns = {{"k", "string"}, {"name", "string"}}}),
             Contains("name of now is string?, not string"));
}
