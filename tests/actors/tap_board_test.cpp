#include "actors/tap_board.hpp"

#include "event/json_member.hpp"
#include "event/json_parse.hpp"
#include "pipeline/partition.hpp"
#include "tests/support/make_definition.hpp"

#include <catch2/catch.hpp>

using namespace tidemill;
using namespace tidemill::test;
using namespace std::chrono_literals;

namespace {

/// A stream of two steps over one source, and a partition of it.
struct tapped {
  std::shared_ptr<const plan> all;
  std::unique_ptr<tap_board> board;
  std::unique_ptr<partition> state;
  tap_board::clock::time_point now{1h};
  offset at = 0;

  tapped() {
    definition d;
    d.sources.push_back(
        {{"clicks", {}},
         "test",
         section({{"schema", schema_option({{"ts", "timestamp_s"}, {"n", "int"}, {"unread", "int?"}})},
                  {"time", section_option({{"field", text_option("ts")}})}})});
    stream_definition hits{{"hits", {}}, {"clicks", {}}, {}};
    hits.steps.push_back({{}, "filter", section({{"filter", text_option("n > 0")}})});
    hits.steps.push_back({{}, "set", section({{"set", pairs_option({{"twice", "n * 2"}})}})});
    d.streams.push_back(hits);
    d.views.push_back({{"counts", {}},
                       section({{"from", text_option("hits")},
                                {"window", section_option({{"size", time_option(10s)}})},
                                {"select", pairs_option({{"total", "sum(twice)"}})}})});
    std::vector<diagnostic> faults;
    all = compile_plan(
        d, [](const component&) { return result<schema>{schema{}}; }, faults);
    REQUIRE(all);
    board = std::make_unique<tap_board>(all);
    state = std::make_unique<partition>(all, 0, partition_id{3}, true,
                                        [](std::size_t, const std::string&) { return table_ptr{}; });
    state->start(0);
  }

  /// Records with these numbers, as a worker would apply them.
  void send(const std::vector<int>& numbers) {
    auto b = std::make_shared<record_batch>();
    b->partition = partition_id{3};
    b->begin = at;
    auto texts = std::make_shared<std::vector<std::string>>();
    for (auto n : numbers)
      texts->push_back("{\"ts\":100,\"n\":" + std::to_string(n) + ",\"unread\":1}");
    for (const auto& t : *texts)
      b->records.push_back({t, at++, at, std::nullopt});
    b->end = at;
    b->memory = texts;
    struct eye final : event_tap {
      tapped& t;
      explicit eye(tapped& of) : t(of) {}
      void see(std::size_t stream, std::size_t done, const event_batch& batch) override {
        t.board->see(0, stream, done, batch, t.now);
      }
    } looking{*this};
    std::vector<emission> out;
    state->watch(board->watched(0) ? &looking : nullptr);
    state->apply(b, out);
    state->watch(nullptr);
  }

  std::string read(const tap_query& q) {
    auto page = board->read(q, now);
    return page ? *page : page.error().text();
  }
};

/// What stands behind a mark in a page.
std::string part(const std::string& page, const std::string& mark) {
  auto at = page.find(mark);
  return at == page.npos ? "" : page.substr(at + mark.size());
}

} // namespace

TEST_CASE("a tap shows events as they are between two steps, with the fields that are in use") {
  tapped t;
  tap_query before{"hits", 0, "", 100, false, std::nullopt, 10},
      after{"hits", 2, "", 100, true, std::nullopt, 10};
  CHECK(part(t.read(before), "\"events\":") == "[]}\n");
  CHECK(part(t.read(after), "\"fields\":").starts_with(R"(["ts","n","twice"])"));
  t.send({0, 5});
  before.from = after.from = 0;
  CHECK(
      part(t.read(before), "\"events\":") ==
      R"([{"partition":3,"offset":0,"event_time":"1970-01-01T00:01:40Z","event":{"ts":"1970-01-01T00:01:40Z","n":0}},)"
      R"({"partition":3,"offset":1,"event_time":"1970-01-01T00:01:40Z","event":{"ts":"1970-01-01T00:01:40Z","n":5}}]})"
      "\n");
  CHECK(
      part(t.read(after), "\"events\":") ==
      R"([{"partition":3,"offset":1,"event_time":"1970-01-01T00:01:40Z","event":{"ts":"1970-01-01T00:01:40Z","n":5,"twice":10},)"
      R"("raw":"{\"ts\":100,\"n\":5,\"unread\":1}"}]})"
      "\n");
}

TEST_CASE("a tap begins with its first question, and tells each page once to each reader that goes on") {
  tapped t;
  tap_query q{"hits", 2, "", 100, false, std::nullopt, 2};
  t.send({1});
  CHECK_FALSE(t.board->watched(0));
  CHECK(part(t.read(q), "\"next\":").starts_with("0,"));
  t.send({2, 3, 4});
  q.from = 0;
  CHECK(part(t.read(q), "\"next\":").starts_with("2,"));
  q.from = 2;
  CHECK(part(t.read(q), "\"next\":").starts_with("3,"));
  q.from = 0; // another reader of the same
  CHECK(part(t.read(q), "\"next\":").starts_with("2,"));
  q.from = 99;
  CHECK(part(t.read(q), "\"next\":").starts_with("3,"));
}

TEST_CASE("a tap with a filter shows what it holds for, and refuses one that can't be") {
  tapped t;
  tap_query q{"hits", 2, "twice > 6 && 10 / (n - 5) > 0", 100, false, std::nullopt, 10};
  (void)t.read(q);
  t.send({1, 4, 5, 6});
  q.from = 0;
  auto page = t.read(q);
  CHECK(part(page, "\"next\":").starts_with("1,"));
  CHECK(page.find("\"n\":6") != page.npos);
  for (const auto& [where, why] :
       {std::pair{"nope > 1", "nope"}, {"n +", ""}, {"n + 1", "where is a bool"}, {"unread > 1", "unread"}}) {
    auto refused = t.board->read({"hits", 2, where, 100, false, std::nullopt, 10}, t.now);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code() == errc::expression_invalid);
    CHECK(refused.error().text().find(why) != std::string::npos);
  }
}

TEST_CASE("a tap shows no more than its rate, and counts the rest") {
  tapped t;
  tap_query q{"hits", 2, "", 2, false, std::nullopt, 10};
  (void)t.read(q);
  t.send({1, 2, 3, 4, 5});
  t.send({6});
  q.from = 0;
  CHECK(part(t.read(q), "\"next\":").starts_with("2,\"skipped\":4,"));
  t.now += 500ms;
  t.send({7, 8});
  CHECK(part(t.read(q), "\"next\":").starts_with("3,\"skipped\":5,"));
}

TEST_CASE("a costly condition of a tap passes events over, and does not hold up the pipeline") {
  tapped t;
  const std::string ten = "[0,1,2,3,4,5,6,7,8,9]";
  tap_query q{"hits", 2,     ten + ".all(a, " + ten + ".all(b, " + ten + ".all(c, a + b + c <= n + 99)))",
              10'000, false, std::nullopt,
              10'000};
  (void)t.read(q);
  t.send(std::vector<int>(5000, 1));
  q.from = 0;
  const auto page = parse_json(t.read(q));
  REQUIRE(page.has_value());
  const auto seen = *json_member(*page, "next")->get_if<std::int64_t>();
  CHECK(seen > 0);
  CHECK(seen < 5000);
  CHECK(seen + *json_member(*page, "skipped")->get_if<std::int64_t>() == 5000);
}

TEST_CASE("a tap that nobody reads is closed, and there are only so many") {
  tapped t;
  (void)t.read({"hits", 2, "", 100, false, std::nullopt, 10});
  CHECK(t.board->watched(0));
  t.now += 11s;
  t.send({1});
  CHECK_FALSE(t.board->watched(0));
  for (int i = 0; i < 64; ++i)
    CHECK(t.board->read({"hits", 2, "n > " + std::to_string(i), 100, false, std::nullopt, 10}, t.now)
              .has_value());
  auto refused = t.board->read({"hits", 1, "", 100, false, std::nullopt, 10}, t.now);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code() == errc::full);
}

TEST_CASE("what waits in a tap is bounded") {
  tapped t;
  tap_query q{"hits", 0, "", 10'000, false, std::nullopt, 10};
  (void)t.read(q);
  for (int i = 0; i < 30; ++i) {
    t.send(std::vector<int>(1000, i));
    t.now += 1s;
    if (i % 5 == 0)
      (void)t.read(q);
  }
  q.from = 0;
  auto page = t.read(q);
  CHECK(part(page, "\"next\":").starts_with("20010,\"skipped\":20000,"));
}

TEST_CASE("streams and steps that are not there are named") {
  tapped t;
  for (const auto& [stream, after, why] :
       {std::tuple{"hit", 0, "did you mean \"hits\"?"}, {"hits", 3, "2 steps"}}) {
    auto refused =
        t.board->read({stream, static_cast<std::size_t>(after), "", 100, false, std::nullopt, 10}, t.now);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code() == errc::refused);
    CHECK(refused.error().text().find(why) != std::string::npos);
  }
}
