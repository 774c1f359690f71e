// What the plan refuses of windows, and says about it.
#include "pipeline/plan.hpp"
#include "tests/support/make_definition.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace tidemill;
using namespace tidemill::test;
using Catch::Contains;
using std::chrono::hours;
using std::chrono::minutes;

namespace {

using settings = std::vector<std::pair<std::string, option>>;

/// The faults of a view with these settings, and with what makes use of it.
std::string faults_of(settings view, settings sink = {}) {
  definition d;
  d.sources.push_back({{"log", {}},
                       "test",
                       section({{"format", text_option("json")},
                                {"schema", schema_option({{"t", "timestamp_s"}, {"k", "string"}})},
                                {"time", section_option({{"field", text_option("t")},
                                                         {"out_of_order", time_option({})}})}})});
  view.emplace_back("from", text_option("log"));
  view.emplace_back("by", text_option("k"));
  if (std::ranges::none_of(view, [](const auto& s) { return s.first == "select"; }))
    view.emplace_back("select", pairs_option({{"n", "count()"}}));
  d.views.push_back({{"v", {}}, section(std::move(view))});
  if (!sink.empty()) {
    sink.emplace_back("from", text_option("v"));
    d.sinks.push_back({{"out", {}}, "file", section(std::move(sink))});
  }
  std::vector<diagnostic> faults;
  (void)compile_plan(
      d, [](const component&) { return result<schema>{schema{}}; }, faults);
  std::string all;
  for (const auto& f : faults)
    all += to_string(f, "p") + '\n';
  return all;
}

std::pair<std::string, option> window(std::string word) {
  return {"window", text_option(std::move(word))};
}
std::pair<std::string, option> window(settings all) {
  return {"window", section_option(std::move(all))};
}
std::pair<std::string, option> kept() {
  return {"retain", time_option(hours{1})};
}
const std::pair<std::string, option> session{"session", time_option(minutes{30})};
const std::pair<std::string, option> score{"score", sections_option({{"s", section({})}})};

} // namespace

TEST_CASE("a global view says what may go") {
  CHECK_THAT(faults_of({window("global")}), Contains("a global view keeps every key for ever") &&
                                                Contains("retain: 30d, max_keys: 100000, or both"));
  CHECK(faults_of({window("global"), kept()}).empty());
  CHECK(faults_of({window("global"), {"max_keys", {{}, std::int64_t{5}}}}).empty());
  CHECK_THAT(faults_of({window("global"), {"max_keys", {{}, std::int64_t{0}}}}),
             Contains("max_keys must be at least 1"));
  CHECK_THAT(faults_of({window({session}), {"max_keys", {{}, std::int64_t{5}}}}),
             Contains("max_keys goes with window: global"));
  CHECK_THAT(faults_of({window("global"), kept(), {"select", pairs_option({{"n", "rate()"}})}}),
             Contains("rate() needs windows of a length"));
}

TEST_CASE("rows that are never final don't go where only final ones do") {
  settings file{{"path", text_option("x")}};
  CHECK_THAT(faults_of({window("global"), kept()}, file), Contains("this sink takes final rows"));
  CHECK_THAT(faults_of({window("latest"), {"select", pairs_option({{"at", "t"}})}}, file),
             Contains("this sink takes final rows"));
  CHECK(faults_of({window({session})}, file).empty());
}

TEST_CASE("scores watch windows that follow each other") {
  for (const auto& w : {window("global"), window("latest"), window({session})})
    CHECK_THAT(faults_of({w, kept(), score}), Contains("a score watches windows that follow each other"));
}

TEST_CASE("a latest view selects fields of the event") {
  settings plain{window("latest"), {"select", pairs_option({{"at", "t"}, {"name", "k + \"!\""}})}};
  CHECK(faults_of(plain).empty());
  CHECK_THAT(faults_of({window("latest")}), Contains("views.v.select.n"));
  CHECK_THAT(faults_of({window("latest"), {"select", pairs_option({{"k", "t"}})}}),
             Contains("the name \"k\" is taken"));
  plain.emplace_back("delete", text_option("k"));
  CHECK_THAT(faults_of(plain), Contains("delete is a bool, this is string"));
  CHECK_THAT(faults_of({window({session}), {"delete", text_option("true")}}),
             Contains("delete goes with window: latest"));
}

TEST_CASE("a time zone must be known") {
  settings berlin{{"calendar", text_option("day")}, {"timezone", text_option("Europe/Atlantis")}};
  CHECK_THAT(faults_of({window(berlin)}), Contains("views.v.window.timezone") && Contains("Europe/Atlantis"));
}
