// Latest events per key against a plain evaluation, over random records, partitions, batches and crashes.
#include "pipeline/test_driver.hpp"
#include "tests/support/make_definition.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <tuple>

using namespace tidemill;
using namespace tidemill::test;
using std::chrono::seconds;

namespace {

std::shared_ptr<const plan> plan_of(std::int64_t retain) {
  definition d;
  d.sources.push_back(
      {{"log", {}},
       "test",
       section({{"format", text_option("json")},
                {"schema",
                 schema_option({{"t", "timestamp_s"}, {"k", "string"}, {"n", "int?"}, {"s", "string"}})},
                {"time", section_option(
                             {{"field", text_option("t")}, {"out_of_order", time_option(seconds{3})}})}})});
  std::vector<std::pair<std::string, option>> settings{
      {"from", text_option("log")},
      {"by", text_option("k")},
      {"window", text_option("latest")},
      {"delete", text_option("s == \"gone\"")},
      {"select", pairs_option({{"n", "n"}, {"twice", "s + s"}})}};
  if (retain > 0)
    settings.emplace_back("retain", time_option(seconds{retain}));
  d.views.push_back({{"v", {}}, section(std::move(settings))});
  std::vector<diagnostic> faults;
  auto made = compile_plan(
      d, [](const component&) { return result<schema>{schema{}}; }, faults);
  for (const auto& f : faults)
    FAIL(to_string(f, "p"));
  return made;
}

using place = std::tuple<std::int64_t, std::size_t, std::size_t>; // time, partition, offset
struct latest {
  place at;
  std::optional<std::int64_t> n;
  std::string s;
};

std::string expected(const std::map<std::string, latest>& all, std::int64_t expired) {
  std::string out;
  for (const auto& [key, e] : all)
    if (e.s != "gone" && std::get<0>(e.at) > expired)
      out += key + '=' + (e.n ? std::to_string(*e.n) : "null") + '/' + e.s + e.s + ' ';
  return out;
}

std::string shown(const test_driver& d) {
  std::map<std::string, std::string> rows;
  for (const auto& r : d.rows(0, 0)) {
    const auto* n = r->columns[1].get_if<std::int64_t>();
    rows[*r->columns[0].get_if<std::string>()] =
        (n != nullptr ? std::to_string(*n) : "null") + '/' + *r->columns[2].get_if<std::string>();
  }
  std::string out;
  for (const auto& [key, cells] : rows)
    out += key + '=' + cells + ' ';
  return out;
}

} // namespace

TEST_CASE("a latest view shows the latest event of each key, at every moment, whatever crashes") {
  for (std::uint64_t seed = 0; seed < 120; ++seed) {
    std::mt19937_64 random{seed};
    auto partitions = 1 + random() % 3;
    auto retain = static_cast<std::int64_t>(seed % 3 == 0 ? 10 + random() % 30 : 0);
    test_driver driver{{plan_of(retain), {static_cast<std::uint32_t>(partitions)}, {}, std::nullopt}};
    std::map<std::string, latest> all;
    std::vector<std::int64_t> watermarks(partitions, -1'000'000);
    std::vector<std::size_t> offsets(partitions);
    std::int64_t now = 0;
    for (int step = 0; step < 30; ++step) {
      auto p = random() % partitions;
      std::vector<std::string> batch;
      // Now and then more than a slice of offsets, so that workers forget.
      for (auto n = seed % 40 == 0 && step % 10 == 3 ? 70'000 : 1 + random() % 6; n > 0; --n) {
        now += static_cast<std::int64_t>(random() % 3);
        auto t = random() % 4 == 0 && retain == 0 ? static_cast<std::int64_t>(random() % 100)
                                                  : now - static_cast<std::int64_t>(random() % 5);
        std::string key(1, static_cast<char>('a' + random() % 6));
        latest e{{t, p, offsets[p]++},
                 std::nullopt,
                 random() % 5 == 0 ? "gone" : std::string(1 + random() % 2, 'x')};
        if (random() % 4 > 0)
          e.n = static_cast<std::int64_t>(random() % 9);
        batch.push_back("{\"t\":" + std::to_string(t) + ",\"k\":\"" + key +
                        "\",\"n\":" + (e.n ? std::to_string(*e.n) : "null") + ",\"s\":\"" + e.s + "\"}");
        if (auto known = all.find(key); known == all.end() || known->second.at < e.at)
          all[key] = e;
        watermarks[p] = std::max(watermarks[p], t - 3);
      }
      driver.send(0, static_cast<partition_id>(p), {batch.begin(), batch.end()}, "");
      if (auto dice = random() % 8; dice < 3)
        driver.crash(dice == 0   ? test_driver::victim::workers
                     : dice == 1 ? test_driver::victim::views
                                 : test_driver::victim::process);
      auto expired =
          retain > 0 ? *std::min_element(watermarks.begin(), watermarks.end()) - retain : -1'000'000;
      INFO("seed " << seed << " step " << step << " retain " << retain);
      REQUIRE(shown(driver) == expected(all, expired));
    }
    auto before = shown(driver);
    driver.end();
    REQUIRE(shown(driver) == before);
  }
}
