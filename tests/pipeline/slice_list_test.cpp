#include "pipeline/slice_list.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <random>
#include <string>

using namespace tidemill;

namespace {

struct thing {
  std::int64_t slice = 0;
  std::string text;
};

void require_same(const slice_list<thing>& list, const std::map<std::int64_t, std::string>& map) {
  auto all = list.all();
  REQUIRE(all.size() == map.size());
  REQUIRE(list.empty() == map.empty());
  std::size_t i = 0;
  for (const auto& [slice, text] : map) {
    REQUIRE(all[i].slice == slice);
    REQUIRE(all[i++].text == text);
  }
}

} // namespace

TEST_CASE("A list by slice holds what a map would hold, whatever comes and goes in which order") {
  std::mt19937 random{7};
  auto below = [&](std::size_t n) { return static_cast<std::int64_t>(random() % n); };
  for (int round = 0; round < 200; ++round) {
    slice_list<thing> list;
    std::map<std::int64_t, std::string> map;
    std::int64_t newest = 0;
    for (int step = 0; step < 60; ++step) {
      auto slice = below(3) == 0 ? below(40) - 20 : ++newest;
      switch (below(4)) {
      case 0:
        if (!map.empty()) {
          list.pop_front();
          map.erase(map.begin());
        }
        break;
      case 1:
        list.erase(slice);
        map.erase(slice);
        break;
      default:
        if (auto* known = list.find(slice)) {
          REQUIRE(known->text == map.at(slice));
          known->text = map[slice] = "again " + std::to_string(step);
        } else {
          REQUIRE_FALSE(map.contains(slice));
          map[slice] = "a text that is not short " + std::to_string(step);
          REQUIRE(list.add({slice, map[slice]}).slice == slice);
        }
      }
      require_same(list, map);
      auto first = below(60) - 30;
      REQUIRE(list.since(first).size() ==
              static_cast<std::size_t>(std::distance(map.lower_bound(first), map.end())));
      if (!map.empty()) {
        REQUIRE(list.front().slice == map.begin()->first);
        REQUIRE(list.back().slice == map.rbegin()->first);
      }
    }
  }
}
