#include "actors/partition_watch.hpp"

#include <catch2/catch.hpp>

#include <memory>

using namespace tidemill;

namespace {

struct watched_source {
  source_plan plan;
  partition_watch watch;

  watched_source() : plan(make()), watch(plan) {}
  static source_plan make() {
    source_plan s;
    s.name = "clicks";
    s.fields = schema{{field{"ip", type{kind::string}, {}, time_format::rfc3339}}};
    s.promised = {0};
    return s;
  }

  bool see(std::uint32_t partition, const std::vector<std::string>& keys, offset first = 0) {
    event_batch b;
    b.partition = partition_id{partition};
    b.columns.emplace_back(type{kind::string});
    b.columns[0].resize(keys.size());
    for (std::size_t i = 0; i < keys.size(); ++i) {
      b.columns[0].set(i, value{keys[i]});
      b.records.push_back({{}, first + i, first + i + 1, std::nullopt});
      b.selected.push_back(static_cast<std::uint32_t>(i));
    }
    return watch.see(b);
  }
};

std::vector<std::string> many(std::size_t from, std::size_t to) {
  std::vector<std::string> keys;
  for (auto i = from; i < to; ++i)
    keys.push_back("key" + std::to_string(i));
  return keys;
}

} // namespace

TEST_CASE("keys that stay in their partitions keep the promise") {
  watched_source s;
  CHECK_FALSE(s.see(0, {"a", "b", "a"}));
  CHECK_FALSE(s.see(1, {"c", "d", "c"}));
  CHECK_FALSE(s.see(0, {"a"}, 7));
  CHECK(s.watch.found().keys == 0);
  CHECK(s.watch.found().text.empty());
}

TEST_CASE("a key in two partitions is told once, with both places and what to do") {
  watched_source s;
  CHECK_FALSE(s.see(0, {"a", "b"}, 10));
  CHECK(s.see(3, {"c", "b"}, 70));
  CHECK_FALSE(s.see(3, {"b", "a"}, 80)); // another key: counted; the sentence stays
  auto found = s.watch.found();
  CHECK(found.keys == 2);
  CHECK(found.text.find("ip \"b\" came in partition 0 (offset 11) and in partition 3 (offset 71)") !=
        std::string::npos);
  CHECK(found.text.find("key_by") != std::string::npos);
}

TEST_CASE("a breach is found among more keys than the sample holds, and in bounded memory") {
  watched_source s;
  for (std::size_t i = 0; i < 60'000; i += 1000)
    CHECK_FALSE(s.see(0, many(i, i + 1000), i));
  for (std::size_t i = 60'000; i < 120'000; i += 1000)
    CHECK_FALSE(s.see(1, many(i, i + 1000), i));
  CHECK(s.see(1, many(0, 5'000), 200'000));
  // The sample has a key in seven; of those it finds all that it looks at.
  CHECK(s.watch.found().keys > 400);
  CHECK(s.watch.found().keys < 1000);
}

TEST_CASE("a long key is cut between two characters") {
  watched_source s;
  std::string key;
  for (int i = 0; i < 100; ++i)
    key += "ü";
  s.see(0, {key});
  CHECK(s.see(1, {key}));
  auto text = s.watch.found().text;
  CHECK(text.find("…") != std::string::npos);
  CHECK(text.size() < 600);
}
