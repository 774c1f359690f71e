#include "pipeline/sketch/hyper_log_log.hpp"

#include "event/hash.hpp"
#include "pipeline/sketch/value_hash.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

using namespace tidemill;

namespace {

std::string saved(const hyper_log_log& s) {
  std::string bytes;
  byte_writer out{bytes};
  s.save(out);
  return bytes;
}

hyper_log_log loaded(const std::string& bytes) {
  hyper_log_log s;
  byte_reader in{bytes};
  REQUIRE(s.load(in));
  CHECK(in.at_end());
  return s;
}

hyper_log_log sketch_of(const std::vector<std::uint64_t>& hashes) {
  hyper_log_log s;
  for (auto h : hashes)
    s.add(h);
  return s;
}

std::vector<std::uint64_t> hashes_of_integers(std::int64_t from, std::int64_t n) {
  std::vector<std::uint64_t> all;
  for (auto i = from; i < from + n; ++i)
    all.push_back(value_hash(i));
  return all;
}

// Registers as the paper defines them, in the saved form.
std::string naive_dense(const std::vector<std::uint64_t>& hashes) {
  std::array<unsigned, 4096> registers{};
  for (auto h : hashes) {
    auto rest = h << 12;
    auto rank = rest == 0 ? 53u : static_cast<unsigned>(std::countl_zero(rest)) + 1;
    registers[h >> 52] = std::max(registers[h >> 52], rank);
  }
  std::string bytes(1, '\1');
  for (std::size_t i = 0; i < 4096; i += 4) {
    auto four = registers[i] | registers[i + 1] << 6 | registers[i + 2] << 12 | registers[i + 3] << 18;
    for (unsigned shift = 0; shift < 24; shift += 8)
      bytes.push_back(static_cast<char>(four >> shift));
  }
  return bytes;
}

} // namespace

TEST_CASE("up to 384 distinct values are counted exactly") {
  hyper_log_log s;
  CHECK(s.estimate() == 0);
  CHECK(s.heap_bytes() == 0);
  auto hashes = hashes_of_integers(0, 384);
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    s.add(hashes[i]);
    s.add(hashes[i / 2]);
    if (s.estimate() != i + 1)
      FAIL("estimate " << s.estimate() << " of " << i + 1);
  }
  CHECK_FALSE(s.dense());
}

TEST_CASE("a count of 10 takes less than 200 bytes, any count less than 5 KB") {
  auto ten = sketch_of(hashes_of_integers(0, 10));
  CHECK(sizeof(ten) + ten.heap_bytes() < 200);
  CHECK(saved(ten).size() < 64);
  auto many = sketch_of(hashes_of_integers(0, 100'000));
  CHECK(many.dense());
  CHECK(sizeof(many) + many.heap_bytes() < 5000);
  CHECK(saved(many).size() == 3073);
}

TEST_CASE("estimates keep the standard error of 1.04/64 and have no bias") {
  struct expectation {
    std::int64_t n;
    int runs;
  };
  for (auto [n, runs] : {expectation{385, 200},
                         {700, 200},
                         {1500, 200},
                         {4096, 200},
                         {8000, 200},
                         {15'000, 200},
                         {60'000, 100},
                         {1'000'000, 8}}) {
    double squares = 0, sum = 0, worst = 0;
    for (std::int64_t run = 0; run < runs; ++run) {
      auto estimate = static_cast<double>(sketch_of(hashes_of_integers(run << 32, n)).estimate());
      auto error = estimate / static_cast<double>(n) - 1;
      squares += error * error;
      sum += error;
      worst = std::max(worst, std::fabs(error));
    }
    auto standard = 1.04 / 64;
    INFO("n " << n << ": rms " << std::sqrt(squares / runs) << ", bias " << sum / runs << ", worst "
              << worst);
    CHECK(std::sqrt(squares / runs) < standard * (1 + 2 / std::sqrt(runs)));
    CHECK(std::fabs(sum / runs) < standard * 3 / std::sqrt(runs));
    CHECK(worst < 4.5 * standard);
  }
}

TEST_CASE("order, cuts, repetitions and merges don't change a bit of a sketch") {
  std::mt19937_64 random{3};
  for (int round = 0; round < 60; ++round) {
    auto hashes = hashes_of_integers(round * 100'000, static_cast<std::int64_t>(random() % 1500));
    auto expected = saved(sketch_of(hashes));
    for (auto n = hashes.size() / 3; n > 0; --n)
      hashes.push_back(hashes[random() % hashes.size()]);
    std::shuffle(hashes.begin(), hashes.end(), random);
    std::vector<hyper_log_log> parts(random() % 5 + 1);
    for (auto h : hashes)
      parts[random() % parts.size()].add(h);
    for (auto& p : parts)
      if (random() % 2 == 0)
        p = loaded(saved(p));
    hyper_log_log left, right;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      left.merge(parts[i]);
      right.merge(parts[parts.size() - 1 - i]);
    }
    if (saved(left) != expected || saved(right) != expected || saved(loaded(expected)) != expected)
      FAIL("round " << round << ": " << hashes.size() << " hashes in " << parts.size() << " parts");
  }
}

TEST_CASE("the sparse form gives the very registers of the paper when it turns dense") {
  std::mt19937_64 random{5};
  for (int round = 0; round < 20; ++round) {
    // Few leading bits set: long runs of zeros, as no honest hash would bring in a lifetime.
    std::vector<std::uint64_t> hashes{0, ~std::uint64_t{0}, 1, std::uint64_t{1} << 38,
                                      std::uint64_t{1} << 37};
    while (hashes.size() < 500)
      hashes.push_back(random() >> random() % 20 << random() % 45 | random() % 500 << 52);
    auto s = sketch_of(hashes);
    REQUIRE(s.dense());
    CHECK((saved(s) == naive_dense(hashes)));
  }
}

TEST_CASE("hashes that differ only in what the index leaves out are one entry with the highest rank") {
  auto a = sketch_of({1, 2, 4}), b = sketch_of({4, 1}), c = sketch_of({4});
  CHECK(a.estimate() == 1);
  CHECK(saved(a) == saved(b));
  CHECK(saved(a) != saved(c));
}

TEST_CASE("the saved form of a sketch is fixed") {
  CHECK(saved(hyper_log_log{}) == std::string("\0\0", 2));
  // Index 0 with rank 39, index 1 with rank 1, the highest index with rank 1.
  std::string expected{"\0\3", 2};
  byte_writer out{expected};
  out.varint(39);
  out.varint((1 << 6 | 1) - 39);
  out.varint(((1u << 26) - 1) * 64ull + 1 - (1 << 6 | 1));
  CHECK(saved(sketch_of({0, ~std::uint64_t{0}, std::uint64_t{3} << 37})) == expected);
  CHECK(hash64(saved(sketch_of(hashes_of_integers(0, 1000)))) == 0x3e62bb3b45c22dcd);
}

TEST_CASE("full registers give a large estimate, not nonsense") {
  std::string bytes(1, '\1');
  for (int i = 0; i < 1024; ++i) {
    auto four = 53u | 53u << 6 | 53u << 12 | 53u << 18;
    for (unsigned shift = 0; shift < 24; shift += 8)
      bytes.push_back(static_cast<char>(four >> shift));
  }
  CHECK(loaded(bytes).estimate() == std::uint64_t{1} << 63);
  CHECK(loaded("\1" + std::string(3072, '\0')).estimate() == 0);
}

TEST_CASE("damaged bytes of a sketch are refused or give a usable one") {
  std::mt19937_64 random{9};
  for (auto n : {20, 380, 2000}) {
    auto bytes = saved(sketch_of(hashes_of_integers(0, n)));
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
      hyper_log_log s;
      byte_reader in{std::string_view{bytes}.substr(0, cut)};
      if (s.load(in) || s.estimate() != 0)
        FAIL("loaded " << cut << " of " << bytes.size() << " bytes");
    }
    for (int round = 0; round < 3000; ++round) {
      auto bad = bytes;
      for (auto flips = random() % 4 + 1; flips > 0; --flips)
        bad[random() % std::min<std::size_t>(bad.size(), 64)] = static_cast<char>(random());
      hyper_log_log s, other = sketch_of(hashes_of_integers(5, 300));
      byte_reader in{bad};
      if (s.load(in) && saved(loaded(saved(s))) != saved(s))
        FAIL("a form that does not come back was taken");
      other.merge(s);
      if (other.estimate() < 250)
        FAIL("estimate " << other.estimate());
    }
  }
}

TEST_CASE("a value has the same hash typed and boxed, and equal whole numbers of all kinds have one") {
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  constexpr auto least = std::numeric_limits<std::int64_t>::min();
  auto same = [](auto x) { return value_hash(x) == value_hash(value{x}); };
  for (auto x : {std::int64_t{0}, std::int64_t{-1}, most, least})
    CHECK(same(x));
  for (auto x : {0.0, -0.0, 1.5, 0x1p63, -0x1p63, 0x1p64, 1e300, std::numeric_limits<double>::infinity(),
                 std::numeric_limits<double>::quiet_NaN()})
    CHECK(same(x));
  CHECK(same(true));
  CHECK(same(std::uint64_t{1} << 63));
  CHECK(same(decimal{-decimal_one / 2}));
  CHECK(same(timestamp{1, 2}));
  CHECK(same(duration{-3}));
  CHECK(same(std::string_view{"tide"}));
  CHECK(value_hash_of_bytes("tide") == value_hash(value{byte_string{"tide"}}));

  for (auto x : {std::int64_t{0}, std::int64_t{7}, std::int64_t{-7}, std::int64_t{1} << 53}) {
    CHECK(value_hash(x) == value_hash(static_cast<double>(x)));
    CHECK(value_hash(x) == value_hash(decimal{int128{x} * decimal_one}));
    if (x >= 0)
      CHECK(value_hash(x) == value_hash(static_cast<std::uint64_t>(x)));
  }
  CHECK(value_hash(0.0) == value_hash(-0.0));
  CHECK(value_hash(0x1p63) == value_hash(std::uint64_t{1} << 63));
  CHECK(value_hash(-0x1p63) == value_hash(least));
  CHECK(value_hash(std::numeric_limits<double>::quiet_NaN()) ==
        value_hash(-std::numeric_limits<double>::quiet_NaN()));

  CHECK(value_hash(std::string_view{"a"}) != value_hash_of_bytes("a"));
  CHECK(value_hash(true) != value_hash(std::int64_t{1}));
  CHECK(value_hash(duration{1}) != value_hash(std::int64_t{1}));
  CHECK(value_hash(std::string_view{}) != value_hash_of_bytes({}));
}

TEST_CASE("the hashes of values are fixed, as sketches are stored") {
  CHECK(value_hash(std::int64_t{42}) == 0x67572691c5abfc9c);
  CHECK(value_hash(std::numeric_limits<std::uint64_t>::max()) == 0x69ac43b1fe168c79);
  CHECK(value_hash(0.5) == 0x5c7b2a8ed48fa3b2);
  CHECK(value_hash(decimal{1}) == 0x1f85eecc615f9cd2);
  CHECK(value_hash(std::string_view{"tide"}) == 0xd24e672dfaf27ba1);
  CHECK(value_hash_of_bytes("tide") == 0x8226a092f2af6036);
  CHECK(value_hash(true) == 0xcd212f8dd32fd172);
  CHECK(value_hash(timestamp{1, 2}) == 0x5448f737cd43953f);
  CHECK(value_hash(duration{3}) == 0xf78ff26e747e976d);
}
