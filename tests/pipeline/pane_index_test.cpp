#include "pipeline/pane_index.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <random>

using namespace tidemill;

TEST_CASE("a pane is found by its key, however many keys there come to be") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    std::mt19937_64 random{seed};
    pane_index index;
    std::map<std::uint32_t, std::uint32_t> known;
    std::size_t ids = 1 + random() % 3000;
    for (std::uint32_t pane = 0; pane < 4000; ++pane) {
      if (random() % 8 == 0)
        ids += random() % (seed % 3 == 0 ? 4000 : 10);
      const auto key = static_cast<std::uint32_t>(random() % ids);
      const auto at = known.find(key);
      REQUIRE(index.find(key) == (at == known.end() ? pane_index::none : at->second));
      if (at != known.end())
        continue;
      index.add(key, pane, ids);
      known[key] = pane;
    }
    for (std::uint32_t key = 0; key < ids; ++key)
      if (const auto at = known.find(key);
          index.find(key) != (at == known.end() ? pane_index::none : at->second))
        FAIL("seed " << seed << ", key " << key);
  }
}

TEST_CASE("a slice of few keys costs no room for those of others") {
  pane_index sparse;
  for (std::uint32_t pane = 0; pane < 100; ++pane)
    sparse.add(1'000'000 + 7 * pane, pane, 2'000'000);
  CHECK(sparse.bytes() <= 100 * 40);
  pane_index first; // begun when there were few
  for (std::uint32_t pane = 0; pane < 100; ++pane)
    first.add(pane, pane, 100);
  first.add(1'999'999, 100, 2'000'000);
  CHECK(first.bytes() <= 101 * 40);
  CHECK(first.find(99) == 99);
  CHECK(first.find(1'999'999) == 100);
  pane_index dense;
  for (std::uint32_t key = 0; key < 100'000; ++key)
    dense.add(key, key, 100'000);
  CHECK(dense.bytes() <= 100'000 * 8);
}
