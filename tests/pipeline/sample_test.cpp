#include "pipeline/partition.hpp"
#include "tests/support/make_definition.hpp"

#include <catch2/catch.hpp>

#include <set>

using namespace tidemill;
using namespace tidemill::test;

namespace {

/// What of 20,000 records of 500 users passes a sample.
std::vector<std::string> sampled(double rate, const char* by, std::uint32_t number) {
  definition d;
  d.sources.push_back({{"log", {}},
                       "test",
                       section({{"schema", schema_option({{"ts", "timestamp_s"}, {"u", "int"}})},
                                {"time", section_option({{"field", text_option("ts")}})}})});
  auto settings = section({{"rate", {{}, rate}}});
  if (by != nullptr)
    settings.set("by", text_option(by));
  d.streams.push_back({{"some", {}}, {"log", {}}, {{{}, "sample", std::move(settings)}}});
  d.sinks.push_back(
      {{"out", {}}, "file", section({{"from", texts_option({"some"})}, {"path", text_option("x")}})});
  std::vector<diagnostic> faults;
  auto all = compile_plan(
      d, [](const component&) { return result<schema>{schema{}}; }, faults);
  REQUIRE(all);
  partition p{all, 0, partition_id{number}, true,
              [](std::size_t, const std::string&) { return table_ptr{}; }};
  p.start(0);
  auto texts = std::make_shared<std::vector<std::string>>();
  auto batch = std::make_shared<record_batch>();
  batch->partition = partition_id{number};
  for (int i = 0; i < 20'000; ++i)
    texts->push_back("{\"ts\":100,\"u\":" + std::to_string(i * 7 % 500) + "}");
  for (const auto& t : *texts)
    batch->records.push_back({t, batch->records.size(), batch->records.size() + 1, std::nullopt});
  batch->end = batch->records.size();
  batch->memory = texts;
  std::vector<emission> out;
  p.apply(batch, out);
  std::vector<std::string> events;
  for (const auto& e : out)
    events.push_back(std::to_string(e.id.at) + ' ' + e.json);
  return events;
}

} // namespace

TEST_CASE("a sample keeps its share, the same events each time, and others of another partition") {
  auto tenth = sampled(0.1, nullptr, 0);
  // Five standard deviations of a binomial distribution.
  CHECK(tenth.size() > 2000 - 5 * 43);
  CHECK(tenth.size() < 2000 + 5 * 43);
  CHECK(sampled(0.1, nullptr, 0) == tenth);
  CHECK(sampled(0.1, nullptr, 1) != tenth);
  CHECK(sampled(1, nullptr, 0).size() == 20'000);
  CHECK(sampled(0, nullptr, 0).empty());
}

TEST_CASE("a sample by key keeps all events of a key, or none, in every partition") {
  std::set<std::string> users[2];
  for (std::uint32_t p : {0u, 1u}) {
    auto events = sampled(0.3, "u", p);
    for (const auto& e : events)
      users[p].insert(e.substr(e.find("\"u\"")));
    CHECK(events.size() == users[p].size() * 40);
  }
  CHECK(users[0] == users[1]);
  CHECK(users[0].size() > 150 - 5 * 10);
  CHECK(users[0].size() < 150 + 5 * 10);
}
