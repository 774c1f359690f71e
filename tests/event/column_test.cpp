#include "event/column.hpp"

#include "event/encoded_cells.hpp"

#include <catch2/catch.hpp>

#include <random>

using namespace tidemill;

namespace {

value some(int x) {
  return optional_value{std::make_shared<const value>(x)};
}

struct sample {
  type of;
  value zero, a, b;
};

const std::vector<sample>& samples() {
  static const std::vector<sample> all{
      {kind::boolean, false, true, false},
      {kind::integer, 0, 1, -2},
      {kind::uinteger, std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{2}},
      {kind::real, 0.0, 1.5, -2.5},
      {kind::decimal, decimal{}, decimal{1}, decimal{-2}},
      {kind::string, "", "a", "longer than any small buffer would hold"},
      {kind::bytes, byte_string{}, byte_string{"a"}, byte_string{std::string{"\0b", 2}}},
      {kind::timestamp, timestamp{}, timestamp{1, 2}, timestamp{-1, 3}},
      {kind::duration, duration{}, duration{1}, duration{-2}},
      {type::list_of(kind::integer), {}, value_list{1}, value_list{2, 3}},
      {type::map_of(kind::string, {}), {}, value_map{{"a", 1}}, value_map{}},
      {type::optional_of(kind::integer), {}, some(1), optional_value{}},
      {kind::dyn, {}, 1, "text"},
  };
  return all;
}

} // namespace

TEST_CASE("a column of every type holds its values and nulls") {
  for (const auto& s : samples()) {
    INFO(to_string(s.of));
    column c{s.of};
    c.resize(4);
    CHECK(c.size() == 4);
    CHECK(c.at(0) == s.zero);
    c.set(1, s.a);
    c.set(2, s.b);
    c.set(3, s.a);
    CHECK_FALSE(c.has_nulls());
    c.set(3, {});
    CHECK(c.has_nulls());
    CHECK(c.at(0) == s.zero);
    CHECK(c.at(1) == s.a);
    CHECK(c.at(1).of() == s.a.of());
    CHECK(c.at(2) == s.b);
    CHECK(c.at(3).is_null());
    CHECK(c.is_null(3));
    c.set(3, s.b);
    CHECK_FALSE(c.is_null(3));
    CHECK(c.at(3) == s.b);
  }
}

TEST_CASE("a null row holds a zero value") {
  column c{type{kind::integer, true}};
  c.resize(2);
  c.set(1, 7);
  c.set_null(1);
  CHECK(c.as<std::int64_t>()[1] == 0);
  c.clear_nulls();
  CHECK(c.at(1) == value{0});
}

TEST_CASE("rows that a resize adds are zero and not null") {
  column c{type{kind::string, true}};
  c.resize(1);
  c.set_null(0);
  c.resize(3);
  CHECK(c.is_null(0));
  CHECK_FALSE(c.is_null(2));
  CHECK(c.nulls().size() == 3);
  CHECK(c.at(2) == value{""});
  c.clear();
  CHECK(c.size() == 0);
  CHECK_FALSE(c.has_nulls());
}

TEST_CASE("texts of a column live as long as its arena, also in a copy") {
  column copy;
  {
    column c{kind::string};
    c.resize(1);
    c.set(0, std::string(100, 'x'));
    copy = c;
  }
  CHECK(copy.at(0) == value{std::string(100, 'x')});
}

TEST_CASE("columns may share an arena") {
  column a{kind::string}, b{kind::string};
  (void)a.memory();
  b.share_memory(a.shared_memory());
  CHECK(&a.memory() == &b.memory());
}

TEST_CASE("an arena never moves what it holds, and wastes little") {
  std::mt19937_64 random{1};
  arena memory;
  std::vector<std::pair<std::string, std::string_view>> all;
  std::size_t total = 0;
  for (int i = 0; i < 5'000; ++i) {
    auto length = random() % 50 == 0 ? random() % 100'000 : random() % 60;
    std::string text(length, static_cast<char>('a' + random() % 26));
    all.emplace_back(text, memory.copy(text));
    total += length;
  }
  for (const auto& [text, view] : all)
    if (text != view)
      FAIL("a text of " << text.size() << " bytes changed");
  CHECK(memory.bytes() >= total);
  CHECK(memory.bytes() < total + total / 4 + 1024 * 1024);
}

TEST_CASE("a cleared column uses its room again, but not that of texts which others hold") {
  column c{kind::string};
  c.resize(2);
  c.set(0, "first");
  c.set(1, {});
  auto copy = c;
  c.clear();
  CHECK(c.size() == 0);
  CHECK_FALSE(c.has_nulls());
  c.resize(1);
  CHECK(c.at(0) == value{""});
  c.set(0, "other");
  CHECK(copy.at(0) == value{"first"});
  c.clear();
  c.resize(1);
  const auto* before = c.memory().copy("x").data();
  c.clear();
  CHECK(c.memory().copy("y").data() == before);
}

TEST_CASE("a cleared arena keeps one chunk") {
  arena texts;
  texts.clear();
  CHECK(texts.bytes() == 0);
  for (int i = 0; i < 100'000; ++i)
    texts.copy("0123456789");
  texts.copy(std::string(1'000'000, 'x'));
  auto full = texts.bytes();
  texts.clear();
  CHECK(texts.bytes() < full / 2);
  auto left = texts.bytes();
  CHECK(left > 0);
  for (int i = 0; i < 300; ++i)
    CHECK(texts.copy("0123456789") == "0123456789");
  CHECK(texts.bytes() == left);
  texts.clear();
  texts.clear();
  CHECK(texts.bytes() == left);
}

TEST_CASE("rows are gathered from another column with their nulls and texts") {
  for (const auto& s : samples()) {
    INFO(to_string(s.of));
    column to{s.of};
    {
      column from{s.of};
      from.resize(3);
      from.set(0, s.a);
      from.set(1, s.b);
      from.set(2, {});
      to.resize(4);
      std::vector<std::uint32_t> rows{1, 2, 3}, at{1, 2, 0};
      to.gather(rows, from, at);
    }
    CHECK(to.at(0) == s.zero);
    CHECK(to.at(1) == s.b);
    CHECK(to.at(2).is_null());
    CHECK(to.at(3) == s.a);
  }
}

TEST_CASE("a cell is encoded as its value is") {
  for (const auto& s : samples()) {
    column c{s.of};
    c.resize(3);
    c.set(0, s.a);
    c.set(1, s.b);
    c.set(2, {});
    for (std::size_t row = 0; row < 3; ++row) {
      std::string boxed, plain;
      append_encoded(boxed, c.at(row));
      append_encoded(plain, c, row);
      CHECK(plain == boxed);
    }
  }
}

TEST_CASE("an encoded cell is read into a column as its value is, and passed over as far") {
  for (const auto& s : samples())
    for (const auto& v : {s.a, s.b, value{}}) {
      std::string bytes;
      append_encoded(bytes, v);
      const auto size = bytes.size();
      bytes += "rest";
      column c{s.of};
      c.resize(2);
      std::string_view in{bytes}, passed{bytes};
      REQUIRE(take_encoded(in, c, 1));
      REQUIRE(skip_encoded(passed));
      CHECK(c.at(1) == v);
      CHECK(c.is_null(1) == v.is_null());
      CHECK(in == "rest");
      CHECK(passed == "rest");
      for (std::size_t n = 0; n < size; ++n) {
        auto cut = std::string_view{bytes}.substr(0, n), again = cut;
        CHECK_FALSE(take_encoded(cut, c, 0));
        CHECK_FALSE(skip_encoded(again));
      }
    }
}

TEST_CASE("an encoded cell of another kind doesn't get into a column") {
  for (const auto& s : samples())
    for (const auto& other : samples()) {
      if (s.of.is(other.of.of()) || s.of.is(kind::dyn))
        continue;
      std::string bytes;
      append_encoded(bytes, other.a);
      std::string_view in{bytes};
      column c{s.of};
      c.resize(1);
      if (other.of.is(kind::dyn)) // holds an int
        continue;
      CHECK_FALSE(take_encoded(in, c, 0));
    }
}
