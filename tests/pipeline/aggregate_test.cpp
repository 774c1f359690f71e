#include "pipeline/aggregates/catalogue.hpp"
#include "pipeline/aggregates/wide_integer.hpp"
#include "tests/support/aggregate_world.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <string>
#include <vector>

using namespace tidemill;
using namespace tidemill::test;

namespace {

constexpr auto infinity = std::numeric_limits<double>::infinity();
constexpr auto not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr auto int_max = std::numeric_limits<std::int64_t>::max();
constexpr auto int_min = std::numeric_limits<std::int64_t>::min();

layout_ptr layout_of(std::string_view function, std::optional<type> argument,
                     std::vector<value> parameters = {}) {
  // What reads two columns gets the same one twice.
  auto made = function.starts_with("arg_")
                  ? make_aggregate(function, {{*argument, std::nullopt}, {*argument, std::nullopt}})
                  : make_aggregate(function, argument, parameters);
  if (!made)
    FAIL(made.error().text());
  return std::make_shared<const accumulator_layout>(
      std::vector<std::shared_ptr<const aggregate>>{std::move(*made)});
}

void feed(const layout_ptr& layout, const std::vector<std::byte*>& states, const column& values,
          const std::vector<std::uint32_t>& rows) {
  // Out of order, and several at a time.
  static const auto times = [] {
    std::vector<event_time> all;
    for (std::int64_t i = 0; i < 1000; ++i)
      all.push_back(event_time{microseconds{i * 37 % 250}});
    return all;
  }();
  layout->part(0).update(states, {&values, &values, times.data()}, rows);
}

void update(const layout_ptr& layout, accumulator& a, const column& values, std::uint32_t from,
            std::uint32_t to) {
  std::vector<std::uint32_t> rows(to - from);
  std::iota(rows.begin(), rows.end(), from);
  feed(layout, std::vector<std::byte*>(rows.size(), a.data()), values, rows);
}

accumulator accumulate(const layout_ptr& layout, kind k, const std::vector<value>& values) {
  accumulator a{layout};
  update(layout, a, column_of(k, values), 0, static_cast<std::uint32_t>(values.size()));
  return a;
}

value result_of(std::string_view function, kind k, const std::vector<value>& values,
                std::vector<value> parameters = {}) {
  return accumulate(layout_of(function, type{k}, std::move(parameters)), k, values)
      .finish(std::chrono::minutes{1})
      .at(0);
}

// Every aggregate over every kind, with a source of values.
struct subject {
  std::string_view function;
  kind of;
  std::vector<value> parameters;
  bool exact; // merging in any order gives the same bits
};

std::vector<subject> subjects() {
  std::vector<subject> all{{"count_if", kind::boolean, {}, true}};
  for (auto k : {kind::integer, kind::uinteger, kind::real, kind::decimal, kind::duration})
    for (auto f : {"sum", "avg"})
      all.push_back({f, k, {}, k != kind::real});
  for (auto k : {kind::boolean, kind::integer, kind::uinteger, kind::real, kind::decimal, kind::string,
                 kind::bytes, kind::timestamp, kind::duration})
    for (auto f : {"min", "max", "distinct"})
      all.push_back({f, k, {}, true});
  all.push_back({"distinct", kind::dyn, {}, true});
  for (auto k : {kind::integer, kind::uinteger, kind::real})
    all.push_back({"quantile", k, {value{0.9}}, true});
  all.push_back({"ratio", kind::boolean, {}, true});
  for (auto k : {kind::integer, kind::uinteger, kind::real, kind::decimal, kind::duration}) {
    all.push_back({"rate", k, {}, k != kind::real});
    all.push_back({"stddev", k, {}, false});
    all.push_back(
        {"histogram",
         k,
         {value{k == kind::duration ? value_list{duration{0}, duration{1000}} : value_list{0, 10, 1000}}},
         true});
    if (k != kind::duration)
      all.push_back({"ewma", k, {value{duration{10'000}}}, false});
  }
  for (auto k : {kind::boolean, kind::integer, kind::uinteger, kind::real, kind::decimal, kind::string,
                 kind::bytes, kind::timestamp, kind::duration, kind::dyn}) {
    for (auto f : {"first", "last"})
      all.push_back({f, k, {}, false});
    if (k != kind::dyn)
      for (auto f : {"arg_min", "arg_max"})
        all.push_back({f, k, {}, false});
    for (auto f : {"collect", "collect_last", "top"})
      all.push_back({f, k, {value{7}}, false});
    for (auto limit : {50, 1000})
      all.push_back({"distinct_exact", k, {value{limit}}, true});
  }
  return all;
}

value random_value(kind k, std::mt19937_64& random) {
  auto wide = static_cast<std::int64_t>(random()) >> random() % 60;
  switch (k) {
  case kind::boolean:
    return random() % 2 == 0;
  case kind::integer:
    return wide;
  case kind::uinteger:
    return static_cast<std::uint64_t>(random() >> random() % 60);
  case kind::real:
    return random() % 20 == 0 ? not_a_number : static_cast<double>(wide) / 1024;
  case kind::decimal:
    return decimal{int128{wide} * static_cast<std::int64_t>(random() >> 2)};
  case kind::string:
    return std::to_string(random() >> random() % 64);
  case kind::bytes:
    return byte_string{std::to_string(random() % 1000)};
  case kind::timestamp:
    return timestamp{static_cast<std::int64_t>(random() % 1'000'000'000),
                     static_cast<std::int32_t>(random() % 1000)};
  case kind::duration:
    return duration{wide};
  default: {
    constexpr kind kinds[] = {kind::boolean, kind::integer, kind::real, kind::string, kind::timestamp};
    return random_value(kinds[random() % std::size(kinds)], random);
  }
  }
}

std::vector<value> random_values(kind k, std::size_t n, std::mt19937_64& random) {
  std::vector<value> values;
  for (std::size_t i = 0; i < n; ++i)
    values.push_back(random() % 10 == 0 ? value{} : random_value(k, random));
  return values;
}

} // namespace

TEST_CASE("of nothing, counts and sums are 0, lists empty and all others null") {
  for (const auto& s : subjects())
    for (const auto& values : {std::vector<value>{}, std::vector<value>{value{}, value{}}}) {
      auto result = result_of(s.function, s.of, values, s.parameters);
      INFO(s.function << " of kind " << static_cast<int>(s.of) << ": " << shown(result));
      if (s.function == "count_if" || s.function.starts_with("distinct"))
        CHECK(shown(result) == shown(value{0}));
      else if (s.function == "sum")
        CHECK(result.of() == s.of);
      else if (s.function == "rate")
        CHECK(result == value{0.0});
      else if (s.function == "histogram")
        CHECK(shown(result).ends_with(s.of == kind::duration ? "[0,0,0]" : "[0,0,0,0]"));
      else if (s.function.starts_with("collect") || s.function == "top")
        CHECK(shown(result).ends_with("[]"));
      else
        CHECK(result.is_null());
    }
  CHECK(shown(result_of("sum", kind::real, {})) == shown(value{0.0}));
  CHECK(accumulator{layout_of("count", std::nullopt)}.finish()[0] == value{0});
}

TEST_CASE("count counts rows, count_if those that are true") {
  auto layout = layout_of("count", std::nullopt);
  accumulator a{layout};
  std::vector<std::byte*> states(3, a.data());
  layout->part(0).update(states, nullptr, std::vector<std::uint32_t>{4, 5, 9});
  CHECK(a.finish()[0] == value{3});
  CHECK(result_of("count_if", kind::boolean, {true, false, {}, true}) == value{2});
}

TEST_CASE("sums of integers are exact and null only if the result is out of range") {
  auto sum = [](std::vector<value> values) { return shown(result_of("sum", kind::integer, values)); };
  CHECK(sum({1, {}, -3}) == shown(value{-2}));
  CHECK(sum({int_max, int_max, -int_max}) == shown(value{int_max}));
  CHECK(sum({int_max, 1}) == "0:null");
  CHECK(sum({int_min, -1}) == "0:null");
  CHECK(sum({int_min, -1, 1}) == shown(value{int_min}));
  constexpr auto uint_max = std::numeric_limits<std::uint64_t>::max();
  CHECK(shown(result_of("sum", kind::uinteger, {uint_max})) == shown(value{uint_max}));
  CHECK(result_of("sum", kind::uinteger, {uint_max, std::uint64_t{1}}).is_null());
  CHECK(shown(result_of("sum", kind::duration, {duration{5}, duration{-7}})) == shown(value{duration{-2}}));
  CHECK(result_of("sum", kind::duration, {duration{int_max}, duration{1}}).is_null());
}

TEST_CASE("sums of decimals are exact beyond the range on the way") {
  auto most = *parse_decimal("99999999999999999999999999999.999999999");
  auto sum = [](std::vector<value> values) { return shown(result_of("sum", kind::decimal, values)); };
  CHECK(sum({*parse_decimal("0.1"), *parse_decimal("0.2")}) == shown(value{*parse_decimal("0.3")}));
  CHECK(sum({most, decimal{1}}) == "0:null");
  std::vector<value> there_and_back(20, value{most});
  there_and_back.insert(there_and_back.end(), 19, value{decimal{-most.units}});
  CHECK(sum(there_and_back) == shown(value{most}));
  CHECK(shown(result_of("avg", kind::decimal, std::vector<value>(7, value{most}))) == shown(value{most}));
}

TEST_CASE("averages of decimals and durations round half away from zero") {
  auto avg = [](std::vector<std::int64_t> nanos) {
    std::vector<value> values;
    for (auto n : nanos)
      values.push_back(duration{n});
    return result_of("avg", kind::duration, values).get_if<duration>()->nanos;
  };
  CHECK(avg({1, 2}) == 2);
  CHECK(avg({-1, -2}) == -2);
  CHECK(avg({1, 1, 2}) == 1);
  CHECK(avg({-1, -1, -2}) == -1);
  CHECK(avg({0, 1}) == 1);
  CHECK(avg({int_max, int_max}) == int_max);
  CHECK(avg({int_min, int_min}) == int_min);
  CHECK(shown(result_of("avg", kind::integer, {int_max, int_max})) == shown(value{0x1p63}));
  CHECK(shown(result_of("avg", kind::integer, {1, {}, 2})) == shown(value{1.5}));
  CHECK(shown(result_of("avg", kind::real, {1.0, 4.0})) == shown(value{2.5}));
}

TEST_CASE("NaN counts in sums and averages of doubles, and is skipped by min, max and quantile") {
  CHECK(std::isnan(*result_of("sum", kind::real, {1.0, not_a_number}).get_if<double>()));
  CHECK(std::isnan(*result_of("avg", kind::real, {infinity, -infinity}).get_if<double>()));
  CHECK(result_of("min", kind::real, {not_a_number, 2.0, not_a_number, -1.0}) == value{-1.0});
  CHECK(result_of("max", kind::real, {not_a_number, 2.0, not_a_number, -1.0}) == value{2.0});
  CHECK(result_of("max", kind::real, {not_a_number}).is_null());
  CHECK(result_of("quantile", kind::real, {not_a_number, 2.0}, {value{0.5}}) == value{2.0});
  CHECK_FALSE(std::signbit(*result_of("min", kind::real, {-0.0}).get_if<double>()));
}

TEST_CASE("min and max agree with the order of values") {
  std::mt19937_64 random{31};
  for (auto k : {kind::boolean, kind::integer, kind::uinteger, kind::real, kind::decimal, kind::string,
                 kind::bytes, kind::timestamp, kind::duration})
    for (int round = 0; round < 20; ++round) {
      auto values = random_values(k, random() % 30 + 1, random);
      std::vector<value> there;
      for (const auto& v : values)
        if (!v.is_null() && !(v.get_if<double>() != nullptr && std::isnan(*v.get_if<double>())))
          there.push_back(v);
      auto less = [](const value& a, const value& b) { return compare_for_order(a, b) < 0; };
      auto least = there.empty() ? value{} : *std::min_element(there.begin(), there.end(), less);
      auto most = there.empty() ? value{} : *std::max_element(there.begin(), there.end(), less);
      CHECK(shown(result_of("min", k, values)) == shown(least));
      CHECK(shown(result_of("max", k, values)) == shown(most));
    }
}

TEST_CASE("min and max of texts know the empty text, long ones, and release memory") {
  CHECK(result_of("min", kind::string, {"b", "", "a"}) == value{""});
  CHECK(result_of("max", kind::string, {"", {}}) == value{""});
  CHECK(result_of("max", kind::string, {"e", "z\xc3\xa9", "z"}) == value{"z\xc3\xa9"});
  std::string lengthy(100'000, 'x');
  auto layout = layout_of("min", type{kind::string});
  auto a = accumulate(layout, kind::string, {lengthy});
  CHECK(layout->part(0).heap_bytes(a.data()) == 100'000);
  a.merge(accumulate(layout, kind::string, {"w"}));
  CHECK(layout->part(0).heap_bytes(a.data()) == 1);
}

TEST_CASE("distinct counts values, boxed ones by their value") {
  CHECK(result_of("distinct", kind::string, {"a", "b", {}, "a", ""}) == value{3});
  CHECK(result_of("distinct", kind::boolean, {true, false, true}) == value{2});
  CHECK(result_of("distinct", kind::dyn, {1, 1.0, std::uint64_t{1}, decimal{decimal_one}, "1", true}) ==
        value{3});
  CHECK(result_of("distinct", kind::dyn, {error{errc::evaluation, "no"}, {}}) == value{0});
  std::mt19937_64 random{33};
  for (auto k : {kind::integer, kind::uinteger, kind::real, kind::decimal, kind::string, kind::bytes,
                 kind::timestamp, kind::duration, kind::boolean}) {
    auto values = random_values(k, 300, random);
    CHECK(result_of("distinct", k, values) == result_of("distinct", kind::dyn, values));
    CHECK(saved(accumulate(layout_of("distinct", type{k}), k, values)) ==
          saved(accumulate(layout_of("distinct", type{kind::dyn}), kind::dyn, values)));
  }
}

TEST_CASE("quantiles of integers are within 1 %") {
  std::vector<value> values;
  for (int i = 1; i <= 1000; ++i)
    values.push_back(i);
  CHECK(*result_of("quantile", kind::integer, values, {value{0.5}}).get_if<double>() ==
        Approx(500).epsilon(0.01));
  CHECK(*result_of("quantile", kind::integer, values, {value{0.99}}).get_if<double>() ==
        Approx(990).epsilon(0.01));
  CHECK(result_of("quantile", kind::integer, values, {value{1}}) == value{1000.0});
  CHECK(result_of("quantile", kind::integer, values, {value{0}}) == value{1.0});
}

TEST_CASE("cuts of updates never matter, the order of merging only for sums of doubles") {
  std::mt19937_64 random{35};
  for (const auto& s : subjects()) {
    auto layout = layout_of(s.function, type{s.of}, s.parameters);
    for (int round = 0; round < 10; ++round) {
      auto values = random_values(s.of, random() % 600 + 1, random);
      auto c = column_of(s.of, values);
      auto n = static_cast<std::uint32_t>(values.size());
      accumulator whole{layout}, cut{layout};
      update(layout, whole, c, 0, n);
      std::vector<accumulator> parts;
      for (std::uint32_t from = 0; from < n;) {
        auto to = std::min(n, from + static_cast<std::uint32_t>(random() % 200));
        update(layout, cut, c, from, to);
        update(layout, parts.emplace_back(layout), c, from, to);
        from = to;
      }
      CHECK((saved(cut) == saved(whole)));
      CHECK((saved(whole.clone()) == saved(whole)));
      auto bytes = saved(whole);
      byte_reader in{bytes};
      auto again = accumulator::load(layout, in);
      REQUIRE(again);
      CHECK((in.at_end() && saved(*again) == bytes));
      CHECK(shown(again->finish()[0]) == shown(whole.finish()[0]));
      if (!s.exact)
        continue;
      std::shuffle(parts.begin(), parts.end(), random);
      accumulator merged{layout};
      for (const auto& p : parts)
        merged.merge(p);
      if (saved(merged) != bytes)
        FAIL(layout->part(0).name() << ": merged differs");
    }
  }
}

TEST_CASE("rows go to the states beside them, in any pattern") {
  auto layout = layout_of("sum", type{kind::integer});
  std::vector<accumulator> groups;
  for (int i = 0; i < 3; ++i)
    groups.emplace_back(layout);
  auto c = column_of(kind::integer, {1, 10, 100, {}, 1000});
  std::vector<std::byte*> states{groups[2].data(), groups[0].data(), groups[0].data(), groups[1].data()};
  layout->part(0).update(states, &c, std::vector<std::uint32_t>{4, 0, 2, 3});
  CHECK(groups[0].finish()[0] == value{101});
  CHECK(groups[1].finish()[0] == value{0});
  CHECK(groups[2].finish()[0] == value{1000});
}

TEST_CASE("the saved forms of accumulators are fixed") {
  auto golden = [](std::string_view function, kind k, std::vector<value> values,
                   std::vector<value> parameters = {}) {
    return hex(saved(accumulate(layout_of(function, type{k}, std::move(parameters)), k, values)));
  };
  auto count = layout_of("count", std::nullopt);
  accumulator counted{count};
  count->part(0).update(std::vector<std::byte*>(300, counted.data()), nullptr,
                        std::vector<std::uint32_t>(300));
  CHECK(hex(saved(counted)) == "01ac02");
  CHECK(golden("count_if", kind::boolean, {true}) == "0101");
  CHECK(golden("sum", kind::integer, {}) == "010100");
  CHECK(golden("sum", kind::integer, {-1}) == "0101ff");
  CHECK(golden("sum", kind::integer, {300}) == "01022c01");
  CHECK(golden("sum", kind::integer, {int_max, int_max}) == "0109feffffffffffffff00");
  CHECK(golden("sum", kind::uinteger, {std::uint64_t{200}}) == "0102c800");
  CHECK(golden("sum", kind::decimal, {decimal{-256}}) == "010200ff");
  CHECK(golden("sum", kind::duration, {duration{5}}) == "010105");
  CHECK(golden("sum", kind::real, {1.5}) == "01000000000000f83f");
  CHECK(golden("sum", kind::real, {-not_a_number}) == "01000000000000f87f");
  CHECK(golden("avg", kind::integer, {1, 2}) == "01020103");
  CHECK(golden("avg", kind::real, {1.5}) == "0101000000000000f83f");
  CHECK(golden("min", kind::integer, {}) == "0100");
  CHECK(golden("min", kind::integer, {-2, 7}) == "0101feffffffffffffff");
  CHECK(golden("max", kind::boolean, {true}) == "010101");
  CHECK(golden("max", kind::real, {1.5}) == "0101000000000000f83f");
  CHECK(golden("max", kind::decimal, {decimal{-2}}) == "0101feffffffffffffffffffffffffffffff");
  CHECK(golden("max", kind::timestamp, {timestamp{1, 2}}) == "0101010000000000000002000000");
  CHECK(golden("max", kind::duration, {duration{1}}) == "01010100000000000000");
  CHECK(golden("max", kind::string, {"ab"}) == "0101026162");
  CHECK(golden("max", kind::bytes, {byte_string{""}}) == "010100");
  CHECK(golden("distinct", kind::boolean, {}) == "010000");
  CHECK(golden("distinct", kind::boolean, {true}) == "01000183df84e90c");
  CHECK(golden("ratio", kind::boolean, {true, false, {}, true}) == "010203");
  CHECK(golden("rate", kind::integer, {300}) == "01022c01");
  CHECK(golden("stddev", kind::integer, {}) == "0100");
  CHECK(golden("variance", kind::integer, {1, 4}) == "010200000000000004400000000000001240");
  CHECK(golden("first", kind::integer, {}) == "0100");
  CHECK(golden("first", kind::integer, {7, 8}) == "0101070000000000000000");
  CHECK(golden("last", kind::string, {"a", "bc"}) == "01010262634a");
  CHECK(golden("last", kind::dyn, {1, "b"}) == "010104076200014a");
  CHECK(golden("arg_max", kind::integer, {1, 2}) == "010102000000000000000903800000000000"
                                                    "00024a");
  CHECK(golden("collect", kind::boolean, {true, false}, {value{1}}) == "01010002020"
                                                                       "1");
  CHECK(golden("collect_last", kind::boolean, {true, false}, {value{1}}) == "01014a020200");
  CHECK(golden("distinct_exact", kind::integer, {}, {value{1}}) == "010000");
  CHECK(golden("distinct_exact", kind::integer, {1, 2}, {value{1}}) == "0101");
  CHECK(golden("distinct_exact", kind::integer, {1}, {value{1}}) == "0100011a30e4b53999ca37323aa72471c778d5");
  CHECK(golden("histogram", kind::integer, {-1, 0, 9, 10}, {value{value_list{0, 10}}}) == "01010201");
  CHECK(golden("top", kind::boolean, {}, {value{1}}) == "0100");
  CHECK(golden("top", kind::boolean, {true, true, false}, {value{1}}) == "01030002020200010002020102"
                                                                         "00");
  CHECK(golden("ewma", kind::real, {}, {value{duration{37'000}}}) == "010000000000000000");
  CHECK(golden("ewma", kind::real, {1.0, 2.0}, {value{duration{37'000}}}) ==
        "01000000000000f83f00000000000004404a");
  CHECK(golden("quantile", kind::integer, {1}, {value{0.5}}) == "0101000000000000f03f000000000000f03ff52101");
}

TEST_CASE("damaged bytes of accumulators are refused or give a usable one") {
  std::mt19937_64 random{37};
  for (const auto& s : subjects()) {
    auto layout = layout_of(s.function, type{s.of}, s.parameters);
    auto bytes = saved(accumulate(layout, s.of, random_values(s.of, 30, random)));
    for (std::size_t n = 0; n < bytes.size(); ++n) {
      byte_reader in{std::string_view{bytes}.substr(0, n)};
      if (accumulator::load(layout, in))
        FAIL(layout->part(0).name() << " loaded " << n << " of " << bytes.size() << " bytes");
    }
    auto other_version = bytes;
    other_version[0] = 2;
    byte_reader newer{other_version};
    CHECK_FALSE(accumulator::load(layout, newer).has_value());
    for (int round = 0; round < 500; ++round) {
      auto bad = bytes;
      for (auto flips = random() % 4 + 1; flips > 0; --flips)
        bad[random() % bad.size()] = static_cast<char>(random());
      byte_reader in{bad};
      auto a = accumulator::load(layout, in);
      if (!a)
        continue;
      update(layout, *a, column_of(s.of, random_values(s.of, 5, random)), 0, 5);
      auto b = a->clone();
      b.merge(*a);
      (void)shown(b.finish()[0]);
      (void)saved(b);
    }
  }
}

TEST_CASE("a layout puts accumulators side by side, 8-aligned, and saves them one after the other") {
  auto part = [](std::string_view f, std::optional<type> t) {
    return std::shared_ptr<const aggregate>{std::move(make_aggregate(f, t, {}).value())};
  };
  auto layout = std::make_shared<const accumulator_layout>(std::vector<std::shared_ptr<const aggregate>>{
      part("max", type{kind::boolean}), part("count", std::nullopt), part("min", type{kind::string}),
      part("max", type{kind::decimal}), part("distinct", type{kind::string})});
  REQUIRE(layout->parts() == 5);
  for (std::size_t i = 0; i < 5; ++i)
    CHECK(layout->offset(i) % 8 == 0);
  CHECK(layout->size() % 8 == 0);

  accumulator a{layout};
  auto texts = column_of(kind::string, {"b", "a"});
  for (std::size_t i : {1, 2, 4})
    layout->part(i).update(std::vector<std::byte*>(2, a.data() + layout->offset(i)), &texts,
                           std::vector<std::uint32_t>{0, 1});
  auto results = a.finish();
  REQUIRE(results.size() == 5);
  CHECK(results[0].is_null());
  CHECK(results[1] == value{2});
  CHECK(results[2] == value{"a"});
  CHECK(results[4] == value{2});

  auto bytes = saved(a);
  byte_reader in{bytes};
  auto b = accumulator::load(layout, in);
  REQUIRE(b.has_value());
  b->merge(a);
  CHECK(b->finish()[1] == value{4});
  accumulator none, moved = std::move(*b);
  CHECK(none.empty());
  none.merge(moved);
  moved.merge(accumulator{});
  CHECK(saved(none) == saved(moved));
  CHECK(accumulator{}.finish().empty());
}

TEST_CASE("accumulators may be moved by memcpy") {
  std::mt19937_64 random{39};
  for (const auto& s : subjects()) {
    auto layout = layout_of(s.function, type{s.of}, s.parameters);
    auto size = layout->size();
    auto memory = std::make_unique<std::byte[]>(size);
    layout->construct(memory.get());
    auto c = column_of(s.of, random_values(s.of, 50, random));
    std::vector<std::uint32_t> rows(50);
    std::iota(rows.begin(), rows.end(), 0);
    feed(layout, std::vector<std::byte*>(50, memory.get()), c, rows);
    auto elsewhere = std::make_unique<std::byte[]>(size);
    std::copy_n(memory.get(), size, elsewhere.get());
    memory.reset();
    feed(layout, std::vector<std::byte*>(50, elsewhere.get()), c, rows);
    accumulator expected{layout};
    update(layout, expected, c, 0, 50);
    update(layout, expected, c, 0, 50);
    std::string bytes;
    byte_writer out{bytes};
    layout->save(elsewhere.get(), out);
    CHECK((bytes == saved(expected)));
    layout->destroy(elsewhere.get());
  }
}

TEST_CASE("names tell functions apart by what their state depends on") {
  auto name = [](std::string_view f, std::optional<type> t, std::vector<value> p = {}) {
    return std::string{layout_of(f, t, std::move(p))->part(0).name()};
  };
  CHECK(name("count", std::nullopt) == "count");
  CHECK(name("count_if", type{kind::boolean}) == "count_if");
  CHECK(name("sum", type{kind::integer, true}) == "sum(int)");
  CHECK(name("max", type{kind::real}) == "max(double)");
  CHECK(name("distinct", type{kind::string}) == "distinct(string)");
  CHECK(name("quantile", type{kind::real}, {value{0.99}}) == "quantile");
  CHECK(name("quantile", type{kind::real}, {value{1}}) == "quantile");
  CHECK(name("rate", std::nullopt) == "count");
  CHECK(name("rate", type{kind::decimal}) == "sum(decimal)");
  for (auto f : {"variance", "variance_pop", "stddev", "stddev_pop"})
    CHECK(name(f, type{kind::uinteger}) == "moments(uint)");
  CHECK(name("first", type{kind::integer, true}) == "first(int)");
  CHECK(name("last", type::list_of(kind::string)) == "last([string])");
  CHECK(name("arg_max", type{kind::string}) == "arg_max(string, string)");
  CHECK(name("collect", type{kind::string}, {value{5}}) == "collect(string, 5)");
  CHECK(name("distinct_exact", type{kind::dyn}, {value{5}}) == "distinct_exact(dyn, 5)");
  CHECK(name("histogram", type{kind::real}, {value{value_list{1, 2.5}}}) == "histogram(double, [1,2.5])");
  CHECK(name("top", type{kind::string}, {value{3}}) == "top(string, 100)");
  CHECK(name("top", type{kind::string}, {value{20}}) == "top(string, 200)");
  CHECK(name("ewma", type{kind::real}, {value{duration{1'500'000'000}}}) == "ewma(double, 1.5s)");
  for (const auto& s : subjects())
    if (s.function == "sum" || s.function == "avg" || s.function == "min" || s.function == "distinct")
      CHECK(name(s.function, type{s.of}) == std::string{s.function} + "(" + to_string(type{s.of}) + ")");
}

TEST_CASE("results have the documented types, nullable where nothing or too much can be null") {
  auto of = [](std::string_view f, kind k, std::vector<value> p = {}) {
    return to_string(layout_of(f, type{k}, std::move(p))->part(0).result());
  };
  CHECK(of("count_if", kind::boolean) == "int");
  CHECK(of("sum", kind::integer) == "int?");
  CHECK(of("sum", kind::uinteger) == "uint?");
  CHECK(of("sum", kind::real) == "double");
  CHECK(of("avg", kind::integer) == "double?");
  CHECK(of("avg", kind::decimal) == "decimal?");
  CHECK(of("avg", kind::duration) == "duration?");
  CHECK(of("min", kind::timestamp) == "timestamp?");
  CHECK(of("distinct", kind::string) == "int");
  CHECK(of("quantile", kind::integer, {value{0.5}}) == "double?");
  CHECK(of("ratio", kind::boolean) == "double?");
  CHECK(of("rate", kind::duration) == "double?");
  CHECK(of("variance", kind::decimal) == "double?");
  CHECK(of("first", kind::string) == "string?");
  CHECK(of("last", kind::dyn) == to_string(type{kind::dyn, true}));
  CHECK(of("arg_min", kind::timestamp) == "timestamp?");
  CHECK(of("collect", kind::integer, {value{3}}) == "[int]");
  CHECK(of("distinct_exact", kind::integer, {value{3}}) == "int?");
  CHECK(of("histogram", kind::integer, {value{value_list{1}}}) == "[int]");
  CHECK(of("top", kind::integer, {value{3}}) == "[map(string, dyn)]");
  CHECK(of("ewma", kind::integer, {value{duration{1}}}) == "double?");
  CHECK(of("stddev", kind::duration) == "duration?");
}

TEST_CASE("a call that fits no aggregate is refused and told what fits") {
  auto refusal = [](std::string_view f, std::optional<type> t, std::vector<value> p = {}) {
    auto made = make_aggregate(f, t, p);
    REQUIRE_FALSE(made.has_value());
    CHECK(made.error().code() == errc::expression_invalid);
    return made.error().text();
  };
  CHECK(refusal("total", type{kind::integer}) ==
        "unknown aggregate total(); known are count, count_if, sum, avg, min, max, distinct, quantile, " +
            [] {
              std::string rest;
              for (std::size_t i = 8; i < aggregate_names().size(); ++i)
                rest += (i == 8 ? "" : ", ") + aggregate_names()[i];
              return rest;
            }());
  CHECK(refusal("sum", type{kind::string}) ==
        "sum() takes one int, uint, double, decimal or duration; here the argument is string");
  CHECK(refusal("sum", type{kind::dyn}) ==
        "sum() takes one int, uint, double, decimal or duration, not dyn: convert, as in double(x)");
  CHECK(refusal("sum", std::nullopt) == "sum() takes one int, uint, double, decimal or duration");
  CHECK(refusal("count", type{kind::integer}) ==
        "count() takes no argument; write count_if(x != null) to count values that are there");
  CHECK(refusal("count_if", type{kind::dyn}) ==
        "count_if() takes one bool, not dyn: compare, as in x == true");
  CHECK(refusal("distinct", type::list_of(kind::integer)).find("here the argument is [int]") !=
        std::string::npos);
  for (auto q : {value{}, value{-0.1}, value{1.1}, value{not_a_number}, value{"0.5"}, value{2}})
    CHECK(refusal("quantile", type{kind::real}, {q})
              .starts_with(
                  "quantile() takes one int, uint or double, and a constant from 0 to 1; here it is "));
  CHECK(refusal("quantile", type{kind::real}, {value{1.5}}).ends_with("; here it is 1.5"));
  CHECK(
      refusal("variance", type{kind::duration}) ==
      "variance() takes one int, uint, double or decimal; here the argument is duration, whose square has no "
      "type: use stddev, or x.getMilliseconds()");
  CHECK(
      refusal("rate", type{kind::string}) ==
      "rate() takes no argument, or one int, uint, double, decimal or duration; here the argument is string");
  CHECK(refusal("quantile", type{kind::real}) ==
        "quantile() takes one int, uint or double, and a constant from 0 to 1; the constant is missing");
  CHECK(refusal("quantile", type{kind::string}, {value{0.5}}) ==
        "quantile() takes one int, uint or double, and a constant from 0 to 1; here the argument is string");
  CHECK(refusal("max", type{kind::integer}, {value{1}}).find("; there is a second argument") !=
        std::string::npos);
  auto histogram = [&](kind k, value bounds) {
    auto text = refusal("histogram", type{k}, {std::move(bounds)});
    return text.substr(text.find("; ") + 2);
  };
  CHECK(histogram(kind::integer, 5) == "here it is 5: write a list such as [10, 20]");
  CHECK(histogram(kind::integer, value_list{}) == "here it is []: write a list such as [10, 20]");
  CHECK(histogram(kind::integer, value_list{1, 0.5}) == "0.5 is no bound for int");
  CHECK(histogram(kind::real, value_list{1, not_a_number}) == "\"NaN\" is no bound for double");
  CHECK(histogram(kind::duration, value_list{1}) == "1 is no bound for duration");
  CHECK(histogram(kind::real, value_list{1, 2, 2.0}) == "bounds must ascend, 2 follows 2");
  CHECK(histogram(kind::real, value_list(201, value{1})) == "here are 201, at most 200 are possible");
  CHECK(histogram(kind::string, value_list{"a"}) == "here the argument is string");
  for (auto n : {value{0}, value{-1}, value{1.5}, value{1001}, value{}, value{"3"}})
    for (auto f : {"top", "collect", "collect_last"})
      CHECK(refusal(f, type{kind::string}, {n})
                .starts_with(std::string{f} +
                             "() takes any value, and a constant count from 1 to 1000; here it is "));
  CHECK(refusal("distinct_exact", type{kind::string}, {value{100'001}}).ends_with("; here it is 100001"));
  for (auto h : {value{30}, value{duration{0}}, value{duration{-1}}})
    CHECK(refusal("ewma", type{kind::real}, {h}).ends_with(": write duration('30s')"));
  CHECK(refusal("first", type{kind::integer}, {value{1}}).ends_with("; there is a second argument"));
  CHECK(refusal("arg_min", type{kind::integer}) == "arg_min() takes any value, and one bool, int, uint, "
                                                   "double, decimal, string, bytes, timestamp or duration");
  CHECK(make_aggregate("arg_min", {{kind::string, {}}, {kind::dyn, {}}})
            .error()
            .text()
            .ends_with(", not dyn: convert, as in double(x)"));
  CHECK(make_aggregate("arg_min", {{kind::string, {}}, {type::list_of(kind::integer), {}}})
            .error()
            .text()
            .ends_with("; here they are string and [int]"));
  CHECK(make_aggregate("quantile", {{kind::real, {}}, {kind::real, {}}})
            .error()
            .text()
            .ends_with("; the last argument must be a constant"));
}

TEST_CASE("wide integers divide and narrow as their numbers") {
  std::mt19937_64 random{41};
  for (int i = 0; i < 20'000; ++i) {
    auto x = static_cast<int128>(static_cast<std::int64_t>(random())) * (int128{1} << 40) + (random() >> 30);
    x >>= random() % 100;
    auto by = random() >> random() % 64;
    by += by == 0 ? 1 : 0;
    wide_integer<3> w;
    w.add(x);
    auto quotient = x / static_cast<int128>(by);
    auto rest = x - quotient * static_cast<int128>(by);
    if ((rest < 0 ? -rest : rest) * 2 >= static_cast<int128>(by))
      quotient += x < 0 ? -1 : 1;
    std::string bytes;
    byte_writer out{bytes};
    w.save(out);
    byte_reader in{bytes};
    wide_integer<3> again;
    if (w.narrow() != x || w.divide(by) != quotient || !again.load(in) || again.narrow() != x)
      FAIL("number " << i);
  }
}
