#include "pipeline/sketch/space_saving.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <random>
#include <string>
#include <vector>

using namespace tidemill;

namespace {

using items = std::vector<std::string>;

std::string saved(const space_saving& s) {
  std::string bytes;
  byte_writer out{bytes};
  s.save(out);
  return bytes;
}

space_saving sketch_of(const items& all, std::size_t m) {
  space_saving s;
  for (const auto& item : all)
    s.add(item, m);
  return s;
}

// What the papers promise, against true counts.
void check_bounds(const space_saving& s, const items& all, std::size_t m) {
  std::map<std::string, std::uint64_t, std::less<>> truth;
  for (const auto& item : all)
    ++truth[item];
  REQUIRE(s.total() == all.size());
  CHECK(s.floor() <= all.size() / m);
  auto held = s.top(m);
  std::uint64_t sum = 0;
  for (const auto& [item, count, error] : held) {
    auto seen = truth.find(item);
    auto n = seen == truth.end() ? 0 : seen->second;
    if (n > count || n + error < count || error > s.floor())
      FAIL(item << " seen " << n << " times is said to be " << count << " - " << error);
    sum += count;
    if (seen != truth.end())
      truth.erase(seen);
  }
  CHECK(sum <= all.size());
  for (const auto& [item, n] : truth)
    if (n > s.floor())
      FAIL(item << " seen " << n << " times is missing, the floor is " << s.floor());
}

// Parts of a stream merged in order, in pairs, and one by one into a new one.
void check_everywhere(const items& all, std::size_t m) {
  check_bounds(sketch_of(all, m), all, m);
  for (std::size_t parts : {2, 5, 16}) {
    std::vector<space_saving> some;
    for (std::size_t p = 0; p < parts; ++p)
      some.push_back(sketch_of({all.begin() + static_cast<std::ptrdiff_t>(all.size() * p / parts),
                                all.begin() + static_cast<std::ptrdiff_t>(all.size() * (p + 1) / parts)},
                               m));
    space_saving total;
    for (const auto& s : some)
      total.merge(s, m);
    check_bounds(total, all, m);
    while (some.size() > 1) {
      std::vector<space_saving> pairs;
      for (std::size_t i = 0; i < some.size(); i += 2) {
        pairs.push_back(std::move(some[i]));
        if (i + 1 < some.size())
          pairs.back().merge(some[i + 1], m);
      }
      some = std::move(pairs);
    }
    check_bounds(some[0], all, m);
    auto more = all; // a merged one goes on counting
    for (int i = 0; i < 500; ++i) {
      more.push_back("more" + std::to_string(i % 130));
      some[0].add(more.back(), m);
    }
    check_bounds(some[0], more, m);
  }
}

} // namespace

TEST_CASE("frequent items keep the bounds of the papers over skewed, even and hostile streams") {
  std::mt19937_64 random{61};
  for (std::size_t m : {1, 2, 10, 100}) {
    items zipf, even, rotating, late;
    for (std::size_t i = 0; i < 20'000; ++i) {
      zipf.push_back(std::to_string(
          static_cast<int>(std::pow(1.0 / (1e-4 + static_cast<double>(random() % 10'000) / 1e4), 1.3))));
      even.push_back(std::to_string(random() % 1000));
      rotating.push_back(std::to_string(i % (m + 1))); // each one comes when it has just gone
      late.push_back(i < 15'000 ? std::to_string(i) : "late" + std::to_string(i % 3));
    }
    for (const auto& stream : {zipf, even, rotating, late})
      check_everywhere(stream, m);
    std::ranges::sort(zipf);
    check_everywhere(zipf, m);
  }
}

TEST_CASE("the addresses of a real access log keep the bounds, and its heaviest are found") {
  std::ifstream in{TIDEMILL_SOURCE_DIR "/../shared/data/access_log/apache_combined.log"};
  if (!in)
    return; // without the data
  items all;
  std::map<std::string, std::uint64_t> truth;
  for (std::string line; std::getline(in, line);)
    ++truth[all.emplace_back(line.substr(0, line.find(' ')))];
  REQUIRE(all.size() == 10'000);
  check_everywhere(all, 100);
  auto best = std::ranges::max_element(truth, {}, [](const auto& t) { return t.second; });
  auto s = sketch_of(all, 100);
  auto top = s.top(1);
  CHECK(top.at(0).item == best->first);
  CHECK(top[0].count - top[0].error <= best->second);
}

TEST_CASE("counts are exact up to as many items as there are counters") {
  items all;
  for (int i = 0; i < 50; ++i)
    all.insert(all.end(), static_cast<std::size_t>(i + 1), std::to_string(i));
  std::shuffle(all.begin(), all.end(), std::mt19937_64{63});
  auto s = sketch_of(all, 50);
  CHECK(s.floor() == 0);
  auto top = s.top(3);
  REQUIRE(top.size() == 3);
  CHECK(top[0].item == "49");
  CHECK(top[0].count == 50);
  CHECK(top[0].error == 0);
  CHECK(top[2].count == 48);
}

TEST_CASE("equal states of frequent items save to equal bytes and go on alike") {
  std::mt19937_64 random{65};
  for (int round = 0; round < 30; ++round) {
    items all;
    for (std::size_t i = 0; i < random() % 2000; ++i)
      all.push_back(std::to_string(random() % 300 * (random() % 3)));
    auto s = sketch_of(all, 40);
    auto bytes = saved(s);
    space_saving again, copy{s};
    byte_reader in{bytes};
    REQUIRE(again.load(in, 40));
    CHECK(in.at_end());
    for (int i = 0; i < 500; ++i) {
      auto item = std::to_string(random() % 400);
      s.add(item, 40);
      again.add(item, 40);
      copy.add(item, 40);
    }
    CHECK((saved(again) == saved(s) && saved(copy) == saved(s)));
  }
}

TEST_CASE("the saved form of frequent items is fixed") {
  CHECK(saved({}) == std::string(1, '\0'));
  CHECK(saved(sketch_of({"b", "a", "b", "c"}, 2)) == std::string("\4\1\2\1b\2\0\1c\2\1", 11));
}

TEST_CASE("few items cost little") {
  auto s = sketch_of({"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}, 100);
  CHECK(s.heap_bytes() < 2000);
  CHECK(space_saving{}.heap_bytes() == 0);
  CHECK(sketch_of(items(1000, "a"), 100).heap_bytes() < 300);
}

TEST_CASE("damaged bytes of frequent items are refused or give a usable sketch") {
  std::mt19937_64 random{67};
  items all;
  for (int i = 0; i < 300; ++i)
    all.push_back(std::to_string(random() % 60));
  auto bytes = saved(sketch_of(all, 20));
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    space_saving s;
    byte_reader in{std::string_view{bytes}.substr(0, cut)};
    if (s.load(in, 20) || s.total() != 0)
      FAIL("loaded " << cut << " of " << bytes.size() << " bytes");
  }
  for (int round = 0; round < 3000; ++round) {
    auto bad = bytes;
    for (auto flips = random() % 4 + 1; flips > 0; --flips)
      bad[random() % bad.size()] = static_cast<char>(random());
    space_saving s, other = sketch_of({"x", "y"}, 20);
    byte_reader in{bad};
    if (!s.load(in, 20))
      continue;
    for (int i = 0; i < 30; ++i)
      s.add(std::to_string(i * 7), 20);
    other.merge(s, 20);
    s.merge(other, 20);
    if (s.top(5).size() > 5)
      FAIL("too many");
  }
}
