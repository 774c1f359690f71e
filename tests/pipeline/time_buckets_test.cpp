#include "pipeline/time_buckets.hpp"

#include <catch2/catch.hpp>

#include <deque>
#include <random>
#include <set>

using namespace tidemill;

namespace {

struct thing {
  int number = 0;
  std::int64_t due = 0; ///< its bucket, if it is in one
  bool in = false;
  bucket_place place;
};

} // namespace

TEST_CASE("Things of buckets come when they are due and not before, however they move") {
  std::mt19937 random{5};
  std::deque<thing> things;
  for (int i = 0; i < 300; ++i)
    things.push_back({i, 0, false, {}});
  time_buckets<thing, &thing::place> buckets;
  std::set<std::pair<std::int64_t, int>> expected; // the plain way
  for (int step = 0; step < 50'000; ++step) {
    auto& x = things[random() % things.size()];
    const auto at = static_cast<std::int64_t>(random() % 40) - 20;
    if (x.in)
      expected.erase({x.due, x.number});
    if (random() % 4 == 0) {
      x.in = false;
      buckets.remove(x);
    } else {
      x.in = true;
      x.due = at;
      buckets.put(x, at);
      expected.emplace(at, x.number);
    }
    REQUIRE(buckets.size() == expected.size());
    REQUIRE(buckets.empty() == expected.empty());
    if (!expected.empty())
      REQUIRE(buckets.first() == expected.begin()->first);
    if (random() % 200 != 0)
      continue;
    // Even numbers only, so that buckets keep some.
    const auto through = static_cast<std::int64_t>(random() % 40) - 20;
    std::vector<thing*> taken;
    buckets.take(
        through, [](const thing& t) { return t.number % 2 == 0; }, taken);
    std::set<int> numbers;
    for (auto* t : taken) {
      t->in = false;
      numbers.insert(t->number);
    }
    std::set<int> due;
    std::erase_if(expected, [&](const auto& e) {
      const auto goes = e.first <= through && e.second % 2 == 0;
      if (goes)
        due.insert(e.second);
      return goes;
    });
    REQUIRE(numbers == due);
    REQUIRE(numbers.size() == taken.size());
    REQUIRE(buckets.all().size() == expected.size());
  }
}

TEST_CASE("times before 1970 are in buckets before those after") {
  using buckets = time_buckets<thing, &thing::place>;
  CHECK(buckets::bucket_of(event_time{microseconds{-1}}) == -1);
  CHECK(buckets::bucket_of(event_time{microseconds{0}}) == 0);
  CHECK(buckets::bucket_of(event_time{microseconds{65'535}}) == 0);
  CHECK(buckets::bucket_of(event_time{microseconds{65'536}}) == 1);
}
