#include "pipeline/publication.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <tuple>

using namespace tidemill;

namespace {

using place = std::pair<event_time, std::string>;

row_ptr make(const place& at, std::int64_t n) {
  auto r = std::make_shared<row>();
  r->window_end = at.first;
  r->window_start = at.first - std::chrono::hours{1};
  r->key = at.second;
  r->columns = {value{n}};
  return r;
}

void require_published(const view_snapshot& view, const std::map<place, row_ptr>& expected) {
  auto next = expected.begin();
  std::set<std::uint64_t> numbers;
  for (const auto& block : view.blocks) {
    REQUIRE_FALSE(block->rows.empty());
    REQUIRE(block->rows.size() <= publication::block_rows);
    std::uint64_t newest = 0;
    for (const auto& r : block->rows) {
      REQUIRE(next != expected.end());
      REQUIRE(*r.data == *next++->second);
      REQUIRE(numbers.insert(r.changed).second);
      newest = std::max(newest, r.changed);
    }
    REQUIRE(block->changed == newest);
    REQUIRE(newest <= view.offset);
  }
  REQUIRE(next == expected.end());
}

} // namespace

TEST_CASE(
    "Rows lie in order, each once and as it was last, whatever the size of ticks and wherever they go") {
  std::mt19937 random{3};
  auto schema = std::make_shared<view_schema>();
  schema->columns = {{.name = "n", .of = kind::integer, .path = {}}};
  for (int round = 0; round < 8; ++round) {
    publication published{schema, 1, 1};
    std::map<place, row_ptr> expected;
    for (int tick = 0; tick < 25; ++tick) {
      // Behind all that is there, among it, or both; few or many; some of them equal to what is published.
      auto newest = static_cast<int>(random() % 3);
      std::vector<row_ptr> put;
      for (auto n = random() % (tick % 3 == 0 ? 1500 : 90); n > 0; --n) {
        auto hour = newest == 0 ? random() % 30 : static_cast<unsigned>(tick) + random() % 2;
        place at{event_time{std::chrono::hours{hour}}, "key " + std::to_string(random() % 2000)};
        put.push_back(make(at, static_cast<std::int64_t>(random() % 2)));
      }
      auto before = published.current();
      published.apply({.put = put});
      for (const auto& r : put)
        expected[{r->window_end, r->key}] = r;
      require_published(*published.current(), expected);
      REQUIRE(published.current()->offset >= before->offset);
    }
  }
}
