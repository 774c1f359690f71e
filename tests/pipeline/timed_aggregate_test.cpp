#include "tests/support/aggregate_world.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <random>

using namespace tidemill;
using namespace tidemill::test;

namespace {

struct event {
  std::int64_t at = 0; // microseconds
  value x, by;
};

// Slices of 100 us, in each the partitions one after the other: the canonical order.
std::vector<event> in_canonical_order(const std::vector<std::vector<event>>& partitions) {
  std::vector<event> all;
  for (std::int64_t slice = 0; slice < 10; ++slice)
    for (const auto& p : partitions)
      for (const auto& e : p)
        if (e.at / 100 == slice)
          all.push_back(e);
  return all;
}

accumulator add_all(const layout_ptr& layout, const std::vector<event>& events, kind x, kind by) {
  std::vector<value> xs, bys;
  std::vector<event_time> times;
  for (const auto& e : events) {
    xs.push_back(e.x);
    bys.push_back(e.by);
    times.push_back(event_time{microseconds{e.at}});
  }
  return accumulate(layout, {column_of(x, xs), column_of(by, bys)}, times);
}

// By panes, merged as a view does.
value merged(const layout_ptr& layout, const std::vector<std::vector<event>>& partitions, kind x, kind by) {
  accumulator total{layout};
  for (std::int64_t slice = 0; slice < 10; ++slice) {
    accumulator of_slice{layout};
    for (const auto& p : partitions) {
      std::vector<event> some;
      for (const auto& e : p)
        if (e.at / 100 == slice)
          some.push_back(e);
      of_slice.merge(add_all(layout, some, x, by));
    }
    total.merge(of_slice);
  }
  return total.finish()[0];
}

std::vector<std::vector<event>> random_partitions(std::mt19937_64& random) {
  std::vector<std::vector<event>> all(random() % 3 + 1);
  for (std::size_t i = 0; i < 40; ++i)
    all[random() % all.size()].push_back(
        {static_cast<std::int64_t>(random() % 100) * 10,
         random() % 8 == 0 ? value{} : value{std::to_string(i)},
         random() % 8 == 0 ? value{} : value{static_cast<std::int64_t>(random() % 6)}});
  return all;
}

} // namespace

TEST_CASE("first, last, arg_min, arg_max and collect follow event time, ties the canonical order") {
  std::mt19937_64 random{71};
  for (int round = 0; round < 200; ++round) {
    auto partitions = random_partitions(random);
    auto events = in_canonical_order(partitions);
    std::ranges::stable_sort(events, {}, &event::at);
    std::vector<event> there;
    for (const auto& e : events)
      if (!e.x.is_null())
        there.push_back(e);
    std::optional<event> least, most;
    for (const auto& e : there)
      if (!e.by.is_null()) {
        if (!least || *e.by.get_if<std::int64_t>() < *least->by.get_if<std::int64_t>())
          least = e;
        if (!most || *e.by.get_if<std::int64_t>() > *most->by.get_if<std::int64_t>())
          most = e;
      }
    auto of = [&](std::string_view f, std::vector<value> constants = {}) {
      std::vector<type> columns{kind::string};
      if (f.starts_with("arg_"))
        columns.push_back(kind::integer);
      return shown(merged(layout_of(f, columns, constants), partitions, kind::string, kind::integer));
    };
    CHECK(of("first") == shown(there.front().x));
    CHECK(of("last") == shown(there.back().x));
    CHECK(of("arg_min") == shown(least->x));
    CHECK(of("arg_max") == shown(most->x));
    for (std::size_t n : {1, 3, 20, 1000}) {
      value_list first, last;
      for (std::size_t i = 0; i < std::min(n, there.size()); ++i) {
        first.push_back(there[i].x);
        last.push_back(there[there.size() - std::min(n, there.size()) + i].x);
      }
      CHECK(of("collect", {value{static_cast<std::int64_t>(n)}}) == shown(first));
      CHECK(of("collect_last", {value{static_cast<std::int64_t>(n)}}) == shown(last));
    }
  }
}

TEST_CASE("first and last give back what a field held, lists and maps too") {
  value list{value_list{1, "a", value_map{{"b", 2.5}}}};
  CHECK(shown(result_of("first", type::list_of(type{}), {{}, list, 7})) == shown(list));
  CHECK(shown(result_of("last", kind::dyn, {1, "x", value_map{{"k", list}}})) ==
        shown(value_map{{"k", list}}));
  CHECK(result_of("last", kind::dyn, {1, error{errc::evaluation, "no"}}) == value{1});
  CHECK(result_of("first", kind::real, {std::nan(""), 2.0, 1.0}) == value{2.0});
  CHECK(result_of("last", kind::bytes, {byte_string{"a"}, byte_string{""}}) == value{byte_string{""}});
  CHECK(result_of("first", kind::boolean, {false, true}) == value{false});
}

TEST_CASE("a histogram counts from each bound to below the next") {
  auto of = [](kind k, std::vector<value> values, value_list bounds) {
    auto text = shown(result_of("histogram", k, values, {value{bounds}}));
    return text.substr(text.find(':') + 1);
  };
  CHECK(of(kind::integer, {-5, 0, 9, 10, 11, {}}, {0, 10}) == "[1,2,2]");
  CHECK(of(kind::uinteger, {std::uint64_t{0}, ~std::uint64_t{0}}, {1}) == "[1,1]");
  constexpr auto infinity = std::numeric_limits<double>::infinity();
  CHECK(of(kind::real, {-infinity, -0.0, 0.5, infinity, std::nan("")}, {0, 0.5}) == "[1,1,2]");
  CHECK(of(kind::decimal, {*parse_decimal("0.1"), *parse_decimal("0.0999")}, {0.1}) == "[1,1]");
  CHECK(of(kind::duration, {duration{5}, duration{-5}}, {duration{0}}) == "[1,1]");
}

TEST_CASE("distinct_exact is exact up to its limit, null beyond, and tells values apart as distinct does") {
  std::vector<value> values;
  for (int i = 0; i < 3000; ++i)
    values.push_back(i % 1000);
  CHECK(result_of("distinct_exact", kind::integer, values, {1000}) == value{1000});
  CHECK(result_of("distinct_exact", kind::integer, values, {999}).is_null());
  CHECK(result_of(
            "distinct_exact", kind::dyn,
            {1, 1.0, std::uint64_t{1}, decimal{decimal_one}, "1", true, {}, 0x1p63, std::uint64_t{1} << 63},
            {10}) == value{4});
  auto ten = accumulate(layout_of("distinct_exact", {kind::integer}, {100}),
                        {column_of(kind::integer, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10})});
  auto layout = layout_of("distinct_exact", {kind::integer}, {100});
  CHECK(layout->part(0).heap_bytes(ten.data()) == 256);
  auto over = accumulate(layout, {column_of(kind::integer, values)});
  CHECK(layout->part(0).heap_bytes(over.data()) == 0);
}

TEST_CASE("top lists the most frequent values with counts and errors") {
  std::vector<value> values(7, value{"b"});
  values.insert(values.end(), {"a", "a", {}, "c", "c", "c"});
  auto top = shown(result_of("top", kind::string, values, {2}));
  CHECK(top.ends_with(R"([{"value":"b","count":7,"error":0},{"value":"c","count":3,"error":0}])"));
}

TEST_CASE("ewma is the mean with weights halved each half-life, in any order of events and parts") {
  std::mt19937_64 random{73};
  for (int round = 0; round < 50; ++round) {
    constexpr double half_life = 250;
    auto partitions = std::vector<std::vector<event>>(random() % 3 + 1);
    std::vector<event> all;
    for (int i = 0; i < 60; ++i) {
      event e{
          static_cast<std::int64_t>(random() % 1000), std::normal_distribution<double>{100, 20}(random), {}};
      all.push_back(e);
      partitions[random() % partitions.size()].push_back(e);
    }
    std::int64_t newest = 0;
    for (const auto& e : all)
      newest = std::max(newest, e.at);
    long double sum = 0, weight = 0;
    for (const auto& e : all) {
      auto w = std::exp2(-static_cast<long double>(newest - e.at) / static_cast<long double>(half_life));
      sum += w * static_cast<long double>(*e.x.get_if<double>());
      weight += w;
    }
    auto layout = layout_of("ewma", {kind::real}, {duration{static_cast<std::int64_t>(half_life) * 1000}});
    auto got = *merged(layout, partitions, kind::real, kind::integer).get_if<double>();
    CHECK(got == Approx(static_cast<double>(sum / weight)).epsilon(1e-13));
  }
}

TEST_CASE("what is many half-lives old is worth nothing to an ewma, and equal times have equal weights") {
  auto layout = layout_of("ewma", {kind::integer}, {duration{1000}});
  CHECK(add_all(layout, {{0, 5, {}}, {1'000'000'000, 7, {}}}, kind::integer, kind::integer).finish()[0] ==
        value{7.0});
  CHECK(add_all(layout, {{5, 5, {}}, {5, 8, {}}}, kind::integer, kind::integer).finish()[0] == value{6.5});
  CHECK(add_all(layout, {{1, 3, {}}, {0, 9, {}}}, kind::integer, kind::integer).finish()[0] == value{5.0});
}
