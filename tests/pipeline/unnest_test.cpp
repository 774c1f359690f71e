#include "pipeline/outlet.hpp"
#include "pipeline/partition.hpp"
#include "tests/support/kept_state.hpp"
#include "tests/support/make_definition.hpp"

#include <catch2/catch.hpp>

#include <random>

using namespace tidemill;
using namespace tidemill::test;
using std::chrono::seconds;

namespace {

using settings = std::vector<std::pair<std::string, option>>;

component step_of(const char* type, settings all) {
  return {{}, type, section(std::move(all))};
}

/// Orders of a text and a list of anything; a stream of their items, and a view of it.
definition orders(settings unnest) {
  definition d;
  d.sources.push_back(
      {{"orders", {}},
       "test",
       section({{"schema", schema_option({{"ts", "timestamp_s"}, {"text", "string"}, {"items", "dyn"}})},
                {"time", section_option(
                             {{"field", text_option("ts")}, {"out_of_order", time_option(seconds{20})}})}})});
  d.streams.push_back({{"lines", {}},
                       {"orders", {}},
                       {step_of("unnest", std::move(unnest)),
                        step_of("set", {{"set", pairs_option({{"tenth", "100 / int(item)"}})}})}});
  d.streams.push_back(
      {{"small", {}}, {"lines", {}}, {step_of("filter", {{"filter", text_option("tenth < 30")}})}});
  d.views.push_back({{"sums", {}},
                     section({{"from", text_option("small")},
                              {"by", texts_option({"text"})},
                              {"window", section_option({{"size", time_option(seconds{10})}})},
                              {"select", pairs_option({{"n", "count()"}, {"last", "last(tenth)"}})}})});
  d.sinks.push_back(
      {{"out", {}},
       "file",
       section({{"from", texts_option({"lines", "small", "lines.dead"})}, {"path", text_option("x")}})});
  return d;
}

std::shared_ptr<const plan> compiled(const definition& d, std::string& told) {
  std::vector<diagnostic> faults;
  auto made = compile_plan(
      d, [](const component&) { return result<schema>{schema{}}; }, faults);
  for (const auto& f : faults)
    told += f.path + ": " + f.text + (f.hint.empty() ? "" : " | " + f.hint) + "\n";
  return made;
}

std::string faults_of(settings unnest) {
  std::string told;
  compiled(orders(std::move(unnest)), told);
  return told;
}

struct outcome {
  std::vector<std::string> events; ///< of each emission: output, offset, index, JSON
  kept_state state;
  std::uint64_t dead = 0;
  friend bool operator==(const outcome&, const outcome&) = default;
};

/// The records as one batch, or cut at random.
outcome run(const std::vector<std::string>& lines, std::mt19937_64* cuts) {
  std::string told;
  auto p = compiled(
      orders({{"field", text_option("items")}, {"as", text_option("item")}, {"index", text_option("line")}}),
      told);
  REQUIRE(told == "");
  partition worker{p, 0, partition_id{0}, true, {}};
  worker.start(0);
  outcome o;
  for (std::size_t at = 0; at < lines.size();) {
    auto b = std::make_shared<record_batch>();
    b->begin = at;
    for (auto to = cuts == nullptr ? lines.size() : at + 1 + (*cuts)() % 7; at < std::min(to, lines.size());
         ++at)
      b->records.push_back({lines[at], at, at + 1, std::nullopt});
    b->end = at;
    std::vector<emission> out;
    worker.apply(b, out);
    for (const auto& e : out)
      o.events.push_back(p->sources[0].outputs[e.output].name + ' ' + std::to_string(e.id.at) + '.' +
                         std::to_string(e.id.index) + ' ' + e.json);
  }
  o.dead = worker.counts().dead;
  o.state = keep_all(*worker.snapshot());
  return o;
}

/// What `lines` should give: JSON by hand.
std::vector<std::string> expected_lines(const std::vector<std::vector<int>>& items) {
  std::vector<std::string> all;
  for (std::size_t at = 0; at < items.size(); ++at) {
    auto index = 0;
    for (std::size_t line = 0; line < items[at].size(); ++line)
      if (const auto item = items[at][line]; item != 0)
        all.push_back("lines " + std::to_string(at) + '.' + std::to_string(index++) +
                      R"( {"ts":"1970-01-01T00:0)" + std::to_string(at / 600) + ':' +
                      std::to_string(at / 100 % 6) + std::to_string(at / 10 % 10) + R"(Z","text":"t)" +
                      std::to_string(at % 3) + R"(","item":)" + std::to_string(item) + R"(,"line":)" +
                      std::to_string(line) + R"(,"tenth":)" + std::to_string(100 / item) + '}');
  }
  return all;
}

} // namespace

TEST_CASE("each element becomes an event, and cuts between records change neither events nor state") {
  std::mt19937_64 random{7};
  std::vector<std::vector<int>> items;
  std::vector<std::string> lines;
  for (auto at = 0; at < 3000; ++at) {
    auto& own = items.emplace_back();
    std::string list;
    for (auto n = random() % 5; n > 0; --n) {
      own.push_back(static_cast<int>(random() % 10)); // a tenth of them fail: 0
      list += (list.empty() ? "" : ",") + std::to_string(own.back());
    }
    lines.push_back(R"({"ts":)" + std::to_string(at / 10) + R"(,"text":"t)" + std::to_string(at % 3) +
                    R"(","items":[)" + list + "]}");
  }
  auto whole = run(lines, nullptr);
  std::vector<std::string> made;
  std::uint64_t zeros = 0;
  for (const auto& e : whole.events)
    if (e.starts_with("lines "))
      made.push_back(e);
  for (const auto& own : items)
    zeros += static_cast<std::uint64_t>(std::ranges::count(own, 0));
  CHECK(made == expected_lines(items));
  CHECK(whole.dead == zeros);
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    std::mt19937_64 cuts{seed};
    if (run(lines, &cuts) != whole)
      FAIL("seed " << seed << ": cutting changes the result");
  }
}

TEST_CASE("a record whose elements would repeat far more than it holds is dead, not a flood") {
  auto record = [](std::size_t text, std::size_t elements) {
    std::string list = "1";
    for (std::size_t i = 1; i < elements; ++i)
      list += ",1";
    return R"({"ts":1,"text":")" + std::string(text, 'x') + R"(","items":[)" + list + "]}";
  };
  // 20 kB of text and 1000 elements: 20 MB of 22 kB.
  auto flood = run({record(20'000, 1000), record(20, 1)}, nullptr);
  CHECK(flood.dead == 1);
  REQUIRE(flood.events.size() == 2);
  CHECK_THAT(flood.events[0],
             Catch::Contains("\"code\":2003") && Catch::Contains("1000 elements would each repeat 20"));
  CHECK(flood.events[1].starts_with("lines 1.0 "));
  // As many elements beside a short text, and few beside a long one.
  CHECK(run({record(20, 1000)}, nullptr).events.size() == 1000);
  CHECK(run({record(20'000, 250)}, nullptr).events.size() == 250);
}

TEST_CASE("of a record whose events are all refused each output tells so many, and all are counted") {
  auto failing = [](std::size_t elements) {
    std::string list = "0"; // 100 / 0
    for (std::size_t i = 1; i < elements; ++i)
      list += ",0";
    return R"({"ts":1,"text":"x","items":[)" + list + "]}";
  };
  const auto most = std::size_t{outlet::most_refusals};
  auto flood = run({failing(4000), failing(2)}, nullptr);
  CHECK(flood.dead == 4002);
  REQUIRE(flood.events.size() == most + 2);
  CHECK(flood.events[most - 2].find("no more events") == std::string::npos);
  CHECK_THAT(flood.events[most - 1], Catch::StartsWith("lines.dead 0.255 ") &&
                                         Catch::Contains("(of this record no more events are told"));
  CHECK_THAT(flood.events[most], Catch::StartsWith("lines.dead 1.0 "));
  CHECK(run({failing(256)}, nullptr).events.size() == most);
  std::mt19937_64 cuts{1};
  CHECK(run({failing(4000), failing(2)}, &cuts) == flood);
}

TEST_CASE("lists that multiply each other are no flood") {
  auto unnest = [](const char* field) {
    return step_of("unnest", {{"field", text_option(field)}, {"as", text_option(field)}});
  };
  auto count = [&](std::size_t a, std::size_t b) {
    definition d;
    d.sources.push_back(
        {{"orders", {}},
         "test",
         section({{"schema", schema_option({{"ts", "timestamp_s"}, {"a", "[int]"}, {"b", "dyn"}})},
                  {"time", section_option({{"field", text_option("ts")}})}})});
    d.streams.push_back({{"as", {}}, {"orders", {}}, {unnest("a")}});
    d.streams.push_back({{"pairs", {}}, {"as", {}}, {unnest("b")}});
    d.sinks.push_back(
        {{"out", {}},
         "file",
         section({{"from", texts_option({"pairs", "pairs.dead"})}, {"path", text_option("x")}})});
    std::string told;
    auto p = compiled(d, told);
    REQUIRE(told == "");
    auto list = [](std::size_t n) {
      std::string all;
      while (n-- > 0)
        all += all.empty() ? "1" : ",1";
      return '[' + all + ']';
    };
    const auto line = R"({"ts":1,"a":)" + list(a) + R"(,"b":)" + list(b) + '}';
    partition worker{p, 0, partition_id{0}, true, {}};
    worker.start(0);
    auto batch = std::make_shared<record_batch>();
    batch->end = 1;
    batch->records.push_back({line, 0, 1, std::nullopt});
    std::vector<emission> out;
    worker.apply(batch, out);
    return std::pair{out.size() - worker.counts().dead, worker.counts().dead};
  };
  CHECK(count(32, 32) == std::pair{std::size_t{1024}, std::uint64_t{0}});
  CHECK(count(33, 33) == std::pair{std::size_t{0}, std::uint64_t{33}});
  CHECK(count(4, 3000) == std::pair{std::size_t{0}, std::uint64_t{4}}); // of 6 kB
  CHECK(count(2, 3000) == std::pair{std::size_t{6000}, std::uint64_t{0}});
}

TEST_CASE("what can't be unnested is told before anything runs") {
  CHECK_THAT(
      faults_of({{"field", text_option("item")}, {"as", text_option("item")}}),
      Catch::StartsWith("streams.lines.steps[0] unnest.field: no field \"item\" | did you mean \"items\"?"));
  CHECK_THAT(
      faults_of({{"field", text_option("text")}, {"as", text_option("item")}}),
      Catch::StartsWith(
          "streams.lines.steps[0] unnest.field: what is unnested is a list, text is string | make a list "
          "of it: `set: {text: 'text.split(\",\")'}`"));
  CHECK_THAT(
      faults_of({{"field", text_option("items")}, {"as", text_option("x")}, {"index", text_option("x")}}),
      Catch::StartsWith("streams.lines.steps[0] unnest.index: the element and its index"));
}
