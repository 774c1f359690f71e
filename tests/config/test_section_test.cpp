#include "config/load.hpp"
#include "load_fixture.hpp"

#include <catch2/catch.hpp>

using namespace tidemill;
using namespace tidemill::test;

namespace {

const std::string before_tests = "pipeline: p\nsources:\n  k: {type: generate, time: {field: ts}}\ntests:\n";

test_case only_test(const std::string& text) {
  auto l = load(before_tests + text);
  REQUIRE(faults(l) == "");
  REQUIRE(l.pipeline.tests.size() == 1);
  return l.pipeline.tests.front();
}

} // namespace

TEST_CASE("send and expect are a test whose sources end in between") {
  auto t = only_test("  it counts: {send: {k: [{n: 1}], k/3: [raw text]}, expect: {rows: {v: [{n: 1}]}}}\n");
  CHECK(t.name.text == "it counts");
  REQUIRE(t.steps.size() == 4);
  const auto& first = std::get<test_send>(t.steps[0].of);
  CHECK(first.source.text == "k");
  CHECK(first.records.at(0).text == R"({"n":1})");
  CHECK_FALSE(first.records.at(0).raw);
  const auto& second = std::get<test_send>(t.steps[1].of);
  CHECK(second.partition == 3);
  CHECK(second.records.at(0).text == "raw text");
  CHECK(second.records.at(0).raw);
  CHECK(std::holds_alternative<test_end>(t.steps[2].of));
  CHECK(std::get<test_expect>(t.steps[3].of).rows.at(0).items.at(0).json == R"({"n":1})");
}

TEST_CASE("values are what JSON would take them for, else text") {
  auto t = only_test(
      "  t:\n    expect: {events: {k: [{a: 1, b: -1.5e3, c: true, d: null, e: ~, f: '1', g: 1_0, h: x y,\n"
      "      i: 007, j: [1, {k: v}], l: \"q\\\"\"}]}}\n");
  CHECK(
      std::get<test_expect>(t.steps.at(0).of).events.at(0).items.at(0).json ==
      R"({"a":1,"b":-1.5e3,"c":true,"d":null,"e":null,"f":"1","g":"1_0","h":"x y","i":"007","j":[1,{"k":"v"}],)"
      R"("l":"q\""})");
}

TEST_CASE("steps come in their order") {
  auto t = only_test(
      "  t:\n    clock: 2026-01-05T10:00:00Z\n    steps:\n      - advance: 1m30s\n      - crash: view\n"
      "      - table: {u: [{id: 1}]}\n      - end: true\n      - expect: {some_rows: {v: [{}]}}\n");
  CHECK(t.clock.has_value());
  REQUIRE(t.steps.size() == 5);
  CHECK(std::get<test_advance>(t.steps[0].of).by == std::chrono::seconds{90});
  CHECK(std::get<test_crash>(t.steps[1].of).of == test_crash::what::view);
  CHECK(std::get<test_table>(t.steps[2].of).rows.at(0).json == R"({"id":1})");
  CHECK(std::get<test_expect>(t.steps[4].of).rows.at(0).some);
}

TEST_CASE("a test that can't be meant is refused at its place") {
  auto said = [](const std::string& text) { return faults(before_tests + text); };
  CHECK_THAT(said("  t: {send: {k: [{n: 1}]}}\n"),
             Catch::Contains("5:3: error: tests.t: the test expects nothing"));
  CHECK_THAT(said("  t: {expect: {}}\n"),
             Catch::Contains("5:15: error: tests.t.expect: nothing is expected"));
  CHECK_THAT(said("  t: {expect: {some_rows: {v: []}}}\n"),
             Catch::Contains("tests.t.expect.some_rows.v: some of nothing: this can't fail"));
  CHECK_THAT(said("  t: [1]\n"), Catch::Contains("tests.t: expected a test"));
  CHECK_THAT(said("  t: {steps: [{advance: 30}], expect: {}}\n"),
             Catch::Contains("a test has steps, or send and"));
  CHECK_THAT(said("  t: {steps: [{advance: 30}, {expect: {}}]}\n"), Catch::Contains("expected a duration"));
  CHECK_THAT(said("  t: {steps: [{crash: disk}, {expect: {}}]}\n"),
             Catch::Contains("worker, view or process"));
  CHECK_THAT(said("  t: {steps: [{wait: 3s}, {expect: {}}]}\n"),
             Catch::Contains("did you mean \"advance\"?"));
  CHECK_THAT(said("  t: {given: {k: []}, expect: {}}\n"), Catch::Contains("did you mean \"send\"?"));
  CHECK_THAT(said("  t: {send: {k/x: []}, expect: {}}\n"), Catch::Contains("no partition has this number"));
  CHECK_THAT(said("  t: {send: {k: 3}, expect: {}}\n"), Catch::Contains("expected a list of events"));
  CHECK_THAT(said("  t: {expect: {rows: {v: 3}}}\n"), Catch::Contains("expected a list of objects"));
  CHECK_THAT(said("  t: {expect: {rows: {v: [3]}}}\n"), Catch::Contains("expected an object"));
  CHECK_THAT(said("  t: {expect: {views: {v: []}}}\n"), Catch::Contains("did you mean \"rows\"?"));
  CHECK_THAT(said("  t: {clock: noon, expect: {}}\n"), Catch::Contains("expected a time"));
}
