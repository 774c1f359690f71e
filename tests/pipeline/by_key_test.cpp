#include "pipeline/by_key.hpp"

#include <catch2/catch.hpp>

#include <memory>
#include <random>
#include <tuple>

using namespace tidemill;

namespace {

struct thing {
  std::int64_t number = 0;
  std::string key;
  int at = 0;
};

} // namespace

TEST_CASE("things are sorted by number, key bytes, and else stay in their order") {
  std::mt19937 random{3};
  for (std::size_t n : {0u, 1u, 2u, 500u}) {
    std::vector<std::unique_ptr<thing>> things;
    for (std::size_t i = 0; i < n; ++i) {
      std::string key(random() % 4, '\0');
      for (auto& c : key)
        c = static_cast<char>(random() % 2 == 0 ? 'a' : 0xE9); // a byte above 127 comes later
      things.push_back(std::make_unique<thing>(
          thing{static_cast<std::int64_t>(random() % 5) - 2, std::move(key), static_cast<int>(i)}));
    }
    sort_by_key(
        std::span{things}, [](const auto& t) { return t->number; },
        [](const auto& t) -> std::string_view { return t->key; });
    for (std::size_t i = 1; i < n; ++i) {
      const auto &a = *things[i - 1], &b = *things[i];
      REQUIRE(std::tie(a.number, a.key, a.at) < std::tie(b.number, b.key, b.at));
    }
    sort_by_key(std::span{things});
    for (std::size_t i = 1; i < n; ++i)
      REQUIRE(things[i - 1]->key <= things[i]->key);
  }
}
