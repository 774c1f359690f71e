#include "pipeline/aggregates/catalogue.hpp"
#include "tests/support/aggregate_world.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <random>
#include <sstream>

using namespace tidemill;
using namespace tidemill::test;

namespace {

__extension__ using quad = __float128;

struct exact {
  double variance = 0; // of a sample
  double condition = 0;
};

// By two passes in 113 bits.
exact exactly(const std::vector<double>& values) {
  quad sum = 0, squares = 0, raw = 0;
  for (auto x : values)
    sum += x;
  auto mean = sum / static_cast<quad>(values.size());
  for (auto x : values) {
    squares += (x - mean) * (x - mean);
    raw += static_cast<quad>(x) * x;
  }
  return {static_cast<double>(squares / static_cast<quad>(values.size() - 1)),
          std::sqrt(static_cast<double>(raw / squares))};
}

// In parts that are merged, as partitions and slices are.
double variance_of(const std::vector<double>& values, std::size_t part) {
  auto layout = layout_of("variance", {kind::real});
  accumulator total{layout};
  for (std::size_t from = 0; from < values.size(); from += part) {
    std::vector<value> some(values.begin() + static_cast<std::ptrdiff_t>(from),
                            values.begin() +
                                static_cast<std::ptrdiff_t>(std::min(from + part, values.size())));
    total.merge(accumulate(layout, {column_of(kind::real, some)}));
  }
  return *total.finish()[0].get_if<double>();
}

// Chan, Golub and LeVeque 1983, table 2: n ε κ for the updating formula, and less for pairwise merges.
void check_bound(const std::vector<double>& values) {
  auto [variance, condition] = exactly(values);
  auto bound = static_cast<double>(values.size()) * condition * std::numeric_limits<double>::epsilon();
  for (auto part : {values.size(), std::size_t{1}, std::size_t{7}, std::size_t{1000}}) {
    auto error = std::fabs(variance_of(values, part) - variance) / variance;
    INFO("n " << values.size() << ", κ " << condition << ", parts of " << part << ": error " << error
              << ", bound " << bound);
    CHECK(error <= bound);
  }
}

} // namespace

TEST_CASE(
    "variances keep the bound of Chan, Golub and LeVeque where the textbook formula has no digit left") {
  std::mt19937_64 random{51};
  for (auto mean : {0.0, 1.0, 1e6, 1e9, 1e13})
    for (auto deviation : {1e-3, 1.0, 1e3}) {
      std::normal_distribution<double> of{mean, deviation};
      std::vector<double> values(20'000);
      for (auto& x : values)
        x = of(random);
      check_bound(values);
      std::ranges::sort(values);
      check_bound(values);
    }
  std::vector<double> far_apart(10'000, 1e15);
  far_apart[0] = -1e15;
  check_bound(far_apart);
}

TEST_CASE("variances of real sensors keep the bound") {
  std::ifstream in{TIDEMILL_SOURCE_DIR "/../shared/data/iot_wsn/multihop.csv"};
  if (!in)
    return; // without the data
  std::vector<double> humidity;
  std::string line, cell;
  std::getline(in, line);
  std::istringstream names{line};
  std::size_t column = 0;
  while (std::getline(names, cell, ',') && cell.find("umidity") == cell.npos)
    ++column;
  while (std::getline(in, line)) {
    std::istringstream cells{line};
    for (std::size_t i = 0; i <= column; ++i)
      std::getline(cells, cell, ',');
    humidity.push_back(std::strtod(cell.c_str(), nullptr));
  }
  REQUIRE(humidity.size() > 1000);
  check_bound(humidity);
}

TEST_CASE("variance and standard deviation of a sample and of a population") {
  auto of = [](std::string_view f, kind k, std::vector<value> values) {
    return shown(result_of(f, k, values));
  };
  CHECK(of("variance", kind::integer, {1, 2, {}, 3, 4}) == shown(value{5.0 / 3}));
  CHECK(of("variance_pop", kind::integer, {1, 2, 3, 4}) == shown(value{1.25}));
  CHECK(of("stddev_pop", kind::uinteger, {std::uint64_t{2}, std::uint64_t{6}}) == shown(value{2.0}));
  CHECK(of("stddev", kind::real, {1.0, 1.0}) == shown(value{0.0}));
  CHECK(of("stddev_pop", kind::decimal, {*parse_decimal("0.5"), *parse_decimal("1.5")}) == shown(value{0.5}));
  CHECK(of("stddev_pop", kind::duration, {duration{1000}, duration{3000}}) == shown(value{duration{1000}}));
  for (auto f : {"variance", "stddev"})
    CHECK(of(f, kind::real, {7.0}) == "0:null");
  for (auto f : {"variance_pop", "stddev_pop"}) {
    CHECK(of(f, kind::real, {7.0}) == shown(value{0.0}));
    CHECK(of(f, kind::real, {}) == "0:null");
  }
}

TEST_CASE("numbers whose difference is no number give NaN, and a state that can be read back") {
  constexpr auto most = std::numeric_limits<double>::max();
  constexpr auto infinity = std::numeric_limits<double>::infinity();
  auto layout = layout_of("variance", {kind::real});
  for (const auto& values : std::vector<std::vector<value>>{
           {-most, most}, {most, -most, 1.0}, {infinity, 1.0}, {1.0, std::nan("")}, {infinity, -infinity}}) {
    auto a = accumulate(layout, {column_of(kind::real, values)});
    auto x = a.finish()[0];
    CHECK(!(std::fabs(*x.get_if<double>()) < infinity));
    auto bytes = saved(a);
    byte_reader in{bytes};
    auto b = accumulator::load(layout, in);
    REQUIRE(b);
    CHECK(saved(*b) == bytes);
    CHECK(shown(b->finish()[0]) == shown(x));
  }
}

TEST_CASE("rates are over the whole window, and a ratio over the rows that are not null") {
  auto rate = [](kind k, std::vector<value> values, microseconds window) {
    auto layout = layout_of("rate", {k});
    return accumulate(layout, {column_of(k, values)}).finish(window)[0];
  };
  CHECK(rate(kind::integer, {30, 31, {}, -1}, std::chrono::minutes{1}) == value{1.0});
  CHECK(rate(kind::real, {0.5}, std::chrono::milliseconds{250}) == value{2.0});
  CHECK(rate(kind::decimal, {*parse_decimal("2.5")}, std::chrono::seconds{10}) == value{0.25});
  CHECK(rate(kind::duration, {duration{500'000'000}}, std::chrono::seconds{1}) == value{0.5});
  CHECK(rate(kind::integer, {1}, microseconds{0}).is_null());
  CHECK(rate(kind::integer, {std::numeric_limits<std::int64_t>::max(), 1}, std::chrono::seconds{1}) ==
        value{0x1p63});
  auto count = layout_of("rate", {});
  accumulator a{count};
  count->part(0).update(std::vector<std::byte*>(90, a.data()), {}, std::vector<std::uint32_t>(90));
  CHECK(a.finish(std::chrono::minutes{1})[0] == value{1.5});
  CHECK(result_of("ratio", kind::boolean, {true, {}, false, false, false}) == value{0.25});
}
