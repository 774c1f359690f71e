#include "pipeline/sketch/dd_sketch.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

using namespace tidemill;

namespace {

constexpr auto infinity = std::numeric_limits<double>::infinity();

std::string saved(const dd_sketch& s) {
  std::string bytes;
  byte_writer out{bytes};
  s.save(out);
  return bytes;
}

dd_sketch loaded(const std::string& bytes) {
  dd_sketch s;
  byte_reader in{bytes};
  REQUIRE(s.load(in));
  CHECK(in.at_end());
  return s;
}

dd_sketch sketch_of(const std::vector<double>& values) {
  dd_sketch s;
  for (auto x : values)
    s.add(x);
  return s;
}

// Whether all quantiles are within 1 % of the value of their rank; 2^-30 of absolute error around zero.
void check_quantiles(std::vector<double> values) {
  auto s = sketch_of(values);
  std::sort(values.begin(), values.end());
  REQUIRE(s.count() == values.size());
  for (int i = 0; i <= 1000; ++i) {
    auto q = i / 1000.0;
    auto exact = values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1))];
    auto got = s.quantile(q);
    if (!(std::fabs(got - exact) <= dd_sketch::relative_error * std::fabs(exact) + 0x1p-30))
      FAIL("quantile " << q << " is " << got << ", should be near " << exact);
  }
  CHECK(s.quantile(0) == values.front());
  CHECK(s.quantile(1) == values.back());
}

std::vector<double> draw(std::size_t n, const std::function<double(std::mt19937_64&)>& one) {
  std::mt19937_64 random{17};
  std::vector<double> values(n);
  std::generate(values.begin(), values.end(), [&] { return one(random); });
  return values;
}

// Any sign, exponents from -40 to 70.
double wild(std::mt19937_64& random) {
  auto x = std::ldexp(1 + std::generate_canonical<double, 53>(random), static_cast<int>(random() % 110) - 40);
  return random() % 2 == 0 ? x : -x;
}

} // namespace

TEST_CASE("every value from 2^-30 to 2^64 is within 1 % of the middle of its bucket, and buckets ascend") {
  std::mt19937_64 random{1};
  double x = 0x1p-30;
  auto key = dd_sketch::key_of(x);
  CHECK(key == 1);
  CHECK(dd_sketch::key_of(std::nextafter(x, 0)) == 0);
  double worst = 0;
  while (x < 0x1p64) {
    auto next = dd_sketch::key_of(x);
    if (next < key || next > key + 1 || dd_sketch::key_of(-x) != -next)
      FAIL("bucket " << next << " of " << x << " after " << key);
    key = next;
    worst = std::max(worst, std::fabs(dd_sketch::value_of(key) - x) / x);
    if (dd_sketch::value_of(-key) != -dd_sketch::value_of(key))
      FAIL("not symmetric: " << key);
    x *= 1 + 1e-4 * std::generate_canonical<double, 53>(random);
  }
  CHECK(key == dd_sketch::last_key);
  CHECK(worst <= 0.01);
  CHECK(worst > 0.0099);
  // The ends of octaves, where rounding could step over.
  for (int octave = -30; octave < 64; ++octave)
    for (auto edge : {std::ldexp(1, octave), std::nextafter(std::ldexp(1, octave + 1), 0)})
      if (std::fabs(dd_sketch::value_of(dd_sketch::key_of(edge)) - edge) > 0.01 * edge)
        FAIL("at " << edge);
}

TEST_CASE("quantiles are within 1 % of the value of their rank") {
  SECTION("latencies") {
    check_quantiles(draw(50'000, [](auto& r) { return std::lognormal_distribution<double>{3, 2}(r); }));
  }
  SECTION("both signs around zero") {
    check_quantiles(draw(50'000, [](auto& r) { return std::normal_distribution<double>{0.5, 1}(r); }));
  }
  SECTION("heavy tail") {
    check_quantiles(
        draw(50'000, [](auto& r) { return 1 / std::pow(1 - std::generate_canonical<double, 53>(r), 3); }));
  }
  SECTION("two clusters far apart") {
    check_quantiles(
        draw(9999, [](auto& r) { return r() % 10 == 0 ? 1e12 + static_cast<double>(r() % 7) : 1e-6; }));
  }
  SECTION("small integers, many zeros") {
    check_quantiles(draw(5000, [](auto& r) { return static_cast<double>(r() % 4) - 1; }));
  }
  SECTION("all that an int can be") {
    check_quantiles(draw(5000, [](auto& r) { return static_cast<double>(static_cast<std::int64_t>(r())); }));
    check_quantiles({-0x1p63, 0x1p63, 0x1p64 - 2048});
  }
  SECTION("all the same") {
    check_quantiles(std::vector<double>(1000, 123.456));
  }
  SECTION("one") {
    check_quantiles({-7});
  }
  SECTION("two") {
    check_quantiles({1, 1000});
  }
}

TEST_CASE("values out of the range of buckets are counted at its ends, and the extremes stay exact") {
  auto s = sketch_of({infinity, -infinity, 1e300, -1e300, 1e-300, -0.0,
                      std::numeric_limits<double>::denorm_min(), std::numeric_limits<double>::quiet_NaN()});
  CHECK(s.count() == 7);
  CHECK(s.quantile(0) == -infinity);
  CHECK(s.quantile(1) == infinity);
  CHECK(s.quantile(0.5) == 0);
  CHECK(s.quantile(0.9) == Approx(0x1p64).epsilon(0.01));
  CHECK_FALSE(std::signbit(sketch_of({-0.0}).quantile(0)));
}

TEST_CASE("order, cuts and merges don't change a bit of a sketch of values") {
  std::mt19937_64 random{3};
  for (int round = 0; round < 100; ++round) {
    std::vector<double> values(random() % 400 + 1);
    auto narrow = random() % 2 == 0;
    for (auto& x : values)
      x = narrow ? 100 + static_cast<double>(random() % 50) : wild(random);
    auto expected = saved(sketch_of(values));
    std::shuffle(values.begin(), values.end(), random);
    std::vector<dd_sketch> parts(random() % 5 + 1);
    for (auto x : values)
      parts[random() % parts.size()].add(x);
    for (auto& p : parts)
      if (random() % 2 == 0)
        p = loaded(saved(p));
    dd_sketch left, right;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      left.merge(parts[i]);
      right.merge(parts[parts.size() - 1 - i]);
    }
    if (saved(left) != expected || saved(right) != expected || saved(loaded(expected)) != expected)
      FAIL("round " << round << ": " << values.size() << " values in " << parts.size() << " parts");
  }
}

TEST_CASE("memory follows the buckets in use and has a bound") {
  CHECK(dd_sketch{}.heap_bytes() == 0);
  CHECK(sketch_of({1, 2, 3}).heap_bytes() <= 64);
  dd_sketch s, latencies;
  std::mt19937_64 random{2};
  for (int i = 0; i < 100'000; ++i) {
    s.add(wild(random));
    latencies.add(std::exp(std::generate_canonical<double, 53>(random) * std::log(1000.0)));
  }
  CHECK(s.heap_bytes() <= 53'000);
  CHECK(latencies.heap_bytes() < 3500); // three decades
}

TEST_CASE("the saved form of a sketch of values is fixed") {
  CHECK(saved(dd_sketch{}) == std::string(1, '\0'));
  std::string expected;
  byte_writer out{expected};
  out.varint(4); // buckets
  out.fixed(-1.0);
  out.fixed(2.0);
  out.varint(3290 - 1051); // from the lowest bucket; 1 is in bucket 30 * 35 + 1
  out.varint(2);
  out.varint(1051); // from there to 0
  out.varint(1);
  out.varint(1051);
  out.varint(300);
  out.varint(35);
  out.varint(1);
  std::vector<double> values{-1, -1, 0, 2};
  values.insert(values.end(), 300, 1.0);
  CHECK(saved(sketch_of(values)) == expected);
}

TEST_CASE("counts beyond 32 and 64 bits do no harm") {
  std::string bytes;
  byte_writer out{bytes};
  out.varint(2);
  out.fixed(1.0);
  out.fixed(2.0);
  out.varint(3290 + 1051);
  out.varint(std::uint64_t{1} << 61);
  out.varint(35);
  out.varint(std::uint64_t{1} << 61);
  auto s = loaded(bytes);
  CHECK(saved(s) == bytes);
  CHECK(s.quantile(0.4) == Approx(1).epsilon(0.01));
  CHECK(s.quantile(0.6) == Approx(2).epsilon(0.01));
  auto sum = sketch_of({1.5});
  for (int i = 0; i < 9; ++i) {
    sum.merge(s);
    if (auto median = sum.quantile(0.5); !(median >= 1 && median <= 2))
      FAIL("median " << median);
  }
}

TEST_CASE("damaged bytes of a sketch of values are refused or give a usable one") {
  std::mt19937_64 random{9};
  for (std::size_t n : {3, 60, 300}) {
    auto bytes = saved(sketch_of(draw(n, wild)));
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
      dd_sketch s;
      byte_reader in{std::string_view{bytes}.substr(0, cut)};
      if (s.load(in) || s.count() != 0)
        FAIL("loaded " << cut << " of " << bytes.size() << " bytes");
    }
    for (int round = 0; round < 3000; ++round) {
      auto bad = bytes;
      for (auto flips = random() % 4 + 1; flips > 0; --flips)
        bad[random() % bad.size()] = static_cast<char>(random());
      dd_sketch s, other = sketch_of({1, 2, 3});
      byte_reader in{bad};
      if (s.load(in) && s.count() > 0)
        for (auto q : {0.0, 0.3, 1.0})
          if (!(s.quantile(q) >= s.quantile(0) && s.quantile(q) <= s.quantile(1)))
            FAIL("quantile " << s.quantile(q));
      other.merge(s);
      s.merge(other);
      if (std::isnan(s.quantile(0.5)))
        FAIL("no number");
    }
  }
}
