#include "pipeline/key_set.hpp"
#include "pipeline/view_keys.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <random>
#include <string>

using namespace tidemill;

TEST_CASE("Keys of a view are found, and stay where they are, however many come and go") {
  std::mt19937 random{11};
  key_set<key_state> keys;
  std::map<std::string, key_state*> expected;
  for (int step = 0; step < 100'000; ++step) {
    // At first there become more, later fewer.
    auto name = "key " + std::to_string(random() % 6000);
    auto come = random() % 100 < (step < 50'000 ? 70u : 30u);
    auto hash = key_set<key_state>::hash_of(name);
    keys.fetch_slot(hash);
    keys.fetch_state(hash);
    auto known = expected.find(name);
    REQUIRE(keys.find(name) == (known == expected.end() ? nullptr : known->second));
    if (known == expected.end() && come) {
      auto& made = keys.add(name, hash);
      REQUIRE(made.key == name);
      expected[name] = &made;
    } else if (known != expected.end() && !come) {
      keys.remove(*known->second);
      expected.erase(known);
    }
    REQUIRE(keys.size() == expected.size());
  }
  std::map<std::string, key_state*> all;
  for (auto* k : keys.all())
    all[k->key] = k;
  REQUIRE(all == expected);
  for (const auto& [name, k] : expected)
    REQUIRE(keys.find(name) == k);
}
