#include "pipeline/test_driver.hpp"
#include "tests/support/make_definition.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <random>

using namespace tidemill;
using namespace tidemill::test;
using std::chrono::seconds;

namespace {

using settings = std::vector<std::pair<std::string, option>>;

/// A changelog of keys and numbers, and a view that tombstones delete from.
std::shared_ptr<const plan> plan_of(settings source, settings view, std::string& told) {
  definition d;
  source.emplace_back("schema", schema_option({{"t", "timestamp_s"}, {"k", "string"}, {"n", "int"}}));
  source.emplace_back(
      "time", section_option({{"field", text_option("t")}, {"out_of_order", time_option(seconds{3})}}));
  d.sources.push_back({{"log", {}}, "test", section(std::move(source))});
  view.emplace_back("from", text_option("log"));
  view.emplace_back("by", texts_option({"k"}));
  d.views.push_back({{"v", {}}, section(std::move(view))});
  std::vector<diagnostic> faults;
  auto made = compile_plan(
      d, [](const component&) { return result<schema>{schema{}}; }, faults);
  for (const auto& f : faults)
    told += f.path + ": " + f.text + (f.hint.empty() ? "" : " | " + f.hint) + '\n';
  return made;
}

settings latest(const char* key) {
  return {{"window", text_option("latest")},
          {"select", pairs_option({{"n", "n"}})},
          {"tombstones", pairs_option({{"k", key}})}};
}

std::string faults_of(settings source, settings view) {
  std::string told;
  plan_of(std::move(source), std::move(view), told);
  return told;
}

} // namespace

TEST_CASE("rows are what is left of a changelog, whatever the times, the batches and the crashes") {
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    std::mt19937_64 random{seed};
    const auto partitions = 1 + random() % 3;
    std::string told;
    auto p = plan_of({{"tombstones", text_option("delete")}}, latest("meta.key"), told);
    REQUIRE(told == "");
    test_driver driver{{p, {static_cast<std::uint32_t>(partitions)}, {}, std::nullopt}};
    std::map<std::string, std::int64_t> left;
    for (auto step = 0; step < 30; ++step) {
      const auto in = random() % partitions;
      std::vector<test_driver::sent_record> batch;
      // Now and then more than a slice of offsets, so that workers forget.
      for (auto n = seed % 50 == 0 && step % 10 == 3 ? 70'000 : 1 + random() % 6; n > 0; --n) {
        const auto key = std::to_string(in) + static_cast<char>('a' + random() % 5);
        if (random() % 3 == 0) {
          batch.push_back({"", key, {}, true});
          left.erase(key);
          continue;
        }
        const auto number = static_cast<std::int64_t>(random() % 1000);
        batch.push_back({"{\"t\":" + std::to_string(random() % 500) + ",\"k\":\"" + key +
                             "\",\"n\":" + std::to_string(number) + "}",
                         key});
        left[key] = number;
      }
      driver.send(0, static_cast<partition_id>(in), std::move(batch), "");
      if (auto dice = random() % 8; dice < 3)
        driver.crash(dice == 0   ? test_driver::victim::workers
                     : dice == 1 ? test_driver::victim::views
                                 : test_driver::victim::process);
      std::map<std::string, std::int64_t> shown;
      for (const auto& r : driver.rows(0, 0))
        shown[*r->columns[0].get_if<std::string>()] = *r->columns[1].get_if<std::int64_t>();
      INFO("seed " << seed << " step " << step);
      REQUIRE(shown == left);
    }
  }
}

TEST_CASE("what tombstones can't delete is told before anything runs") {
  const settings deleting{{"tombstones", text_option("delete")}};
  CHECK(faults_of(deleting, latest("meta.key")) == "");
  CHECK_THAT(faults_of({}, latest("meta.key")),
             Catch::StartsWith(
                 "views.v.tombstones: the tombstones of log don't come here | add `tombstones: delete`"));
  CHECK_THAT(faults_of(deleting, latest("int(meta.key)")),
             Catch::StartsWith("views.v.tombstones.k: k is string, this is int"));
  CHECK_THAT(faults_of(deleting, latest("k")), Catch::StartsWith("views.v.tombstones.k: "));
  auto other = latest("meta.key");
  other.back() = {"tombstones", pairs_option({{"n", "meta.key"}})};
  CHECK_THAT(faults_of(deleting, other),
             Catch::Contains("\"n\" is not in `by`") &&
                 Catch::Contains("which k does a tombstone delete? | k: 'meta.key'"));
  settings counted{{"window", section_option({{"size", time_option(seconds{10})}})},
                   {"select", pairs_option({{"c", "count()"}})}};
  CHECK_THAT(
      faults_of(deleting, counted),
      Catch::StartsWith("sources.log.tombstones: no latest view says which of its rows a tombstone deletes"));
  counted.emplace_back("tombstones", pairs_option({{"k", "meta.key"}}));
  CHECK_THAT(faults_of(deleting, counted),
             Catch::StartsWith("views.v.tombstones: tombstones go with window: latest"));
}
