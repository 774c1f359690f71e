#include "storage/tables/row_table.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>
#include <unistd.h>

using namespace tidemill;

namespace {

struct scene {
  scene() {
    static int count = 0;
    folder = std::filesystem::temp_directory_path() /
             ("tidemill_table_" + std::to_string(::getpid()) + "_" + std::to_string(count++));
    std::filesystem::create_directories(folder);
  }
  ~scene() { std::filesystem::remove_all(folder); }
  void write(const std::string& bytes) {
    std::ofstream{folder / "users.csv", std::ios::binary} << bytes;
    std::filesystem::last_write_time(folder / "users.csv", std::filesystem::file_time_type{} + ++written);
  }
  [[nodiscard]] row_table_settings settings(std::vector<field> columns = {}) const {
    return {.name = "users",
            .path = folder / "users.csv",
            .folder = folder / "tables" / "users",
            .key = {.key = "id"},
            .columns = schema{std::move(columns)}};
  }
  std::filesystem::path folder;
  std::chrono::seconds written{0};
};

table_ptr get(table_store& s) {
  auto got = s.latest();
  if (!got)
    FAIL(got.error().text());
  return *got;
}

std::vector<value> row(const lookup_table& t, const value& key) {
  std::vector<std::size_t> all;
  for (std::size_t i = 0; i < t.columns().size(); ++i)
    all.push_back(i);
  std::vector<value> out{value{"untouched"}};
  if (!t.find(key, all, out) && out != std::vector<value>{value{"untouched"}})
    FAIL("a miss touched the output");
  return out;
}
const std::vector<value> miss{value{"untouched"}};

} // namespace

TEST_CASE("columns that are not declared are strings, the key is none of them") {
  scene s;
  s.write("name,id,\"a \"\"b\"\"\"\r\nAda,7,x\r\n\"Bob, \"\"B\"\"\",8,\n\n");
  auto store = make_row_table(s.settings());
  auto table = get(*store);
  REQUIRE(table->columns().size() == 2);
  CHECK(table->columns()[0].name == "name");
  CHECK(table->columns()[1].name == "a \"b\"");
  CHECK(row(*table, "7") == std::vector<value>{"Ada", "x"});
  CHECK(row(*table, "8") == std::vector<value>{"Bob, \"B\"", ""});
  CHECK(row(*table, "9") == miss);
  CHECK(row(*table, 7) == miss);
  CHECK(row(*table, value{}) == miss);
  std::vector<value> out;
  CHECK(table->find("7", {1}, out));
  CHECK(out == std::vector<value>{"x"});
}

TEST_CASE("declared columns have their types, keys are found by any equal number") {
  scene s;
  s.write("id,since,score\n7,2020-01-01T00:00:00Z,1.5\n-8,2021-01-01T00:00:00Z,\n");
  auto store = make_row_table(s.settings({{.name = "id", .of = kind::integer, .path = {}},
                                          {.name = "joined", .of = kind::timestamp, .path = {"since"}},
                                          {.name = "score", .of = {kind::real, true}, .path = {}}}));
  auto table = get(*store);
  CHECK(table->columns()[0].name == "joined");
  CHECK(row(*table, 7) == std::vector<value>{timestamp{1'577'836'800, 0}, 1.5});
  CHECK(row(*table, std::uint64_t{7}) == row(*table, 7));
  CHECK(row(*table, 7.0) == row(*table, 7));
  CHECK(row(*table, -8)[1].is_null());
  CHECK(row(*table, 7.5) == miss);
  CHECK(row(*table, ~std::uint64_t{7}) == miss);
  CHECK(row(*table, "7") == miss);
}

TEST_CASE("a number is found by any equal one, and lies in ranges of any kind of numbers") {
  scene s;
  const std::vector<std::pair<kind, std::string>> kinds{
      {kind::integer, "int"}, {kind::uinteger, "uint"}, {kind::real, "double"}, {kind::decimal, "decimal"}};
  const auto tenth = decimal{decimal_one / 10};
  const std::vector<value> five{5, std::uint64_t{5}, 5.0, decimal{5 * int128{decimal_one}}};
  for (const auto& [column, name] : kinds) {
    INFO(name);
    s.write("id,n\n5,a\n9007199254740992,b\n");
    auto exact = get(*make_row_table(s.settings({{.name = "id", .of = column, .path = {}}})));
    auto range =
        s.settings({{.name = "id", .of = column, .path = {}}, {.name = "to", .of = column, .path = {}}});
    range.key = {.key = "", .from = "id", .to = "to"};
    for (const auto& key : five)
      CHECK(row(*exact, key) == std::vector<value>{"a"});
    CHECK(row(*exact, 9007199254740992) == std::vector<value>{"b"});
    for (const value& key : {value{9007199254740993}, value{5.5}, value{tenth}, value{1e300}, value{-1e300},
                             value{std::nan("")}, value{-5}, value{HUGE_VAL}, value{"5"}, value{}})
      CHECK(row(*exact, key) == miss);
    s.write("id,to,n\n5,9,a\n10,20,b\n");
    auto spans = get(*make_row_table(range));
    for (const auto& key : five)
      CHECK(row(*spans, key).back() == value{"a"});
    CHECK(row(*spans, 5.5).back() == value{"a"});
    CHECK(row(*spans, decimal{int128{decimal_one} * 89 / 10}).back() == value{"a"});
    CHECK(row(*spans, 19.999).back() == value{"b"});
    for (const value& key :
         {value{9.5}, value{4.999}, value{decimal{9 * int128{decimal_one} + 1}}, value{20.5}, value{1e300},
          value{-1e300}, value{std::nan("")}, value{-HUGE_VAL}, value{21}})
      CHECK(row(*spans, key) == miss);
  }
}

TEST_CASE("faults of a table name file and line") {
  scene s;
  auto text = [&](const std::string& bytes, std::vector<field> columns = {}) {
    s.write(bytes);
    auto got = make_row_table(s.settings(std::move(columns)))->latest();
    if (!got.has_error())
      FAIL("no error");
    INFO(got.error().text());
    CHECK(got.error().text().find("users.csv") != std::string::npos);
    return got.error().text();
  };
  using Catch::Contains;
  CHECK_THAT(text("id,x\n1,a\n2,\"b\nb\"\n1,c\n"),
             Contains(":5: the key \"1\" is there twice") && Contains(":2"));
  CHECK_THAT(text("id,x\n1,a\n2\n"), Contains("users.csv:3: "));
  CHECK_THAT(text("id,x\n1,a\nz,b\n", {{.name = "id", .of = kind::integer, .path = {}}}),
             Contains("users.csv:3: "));
  CHECK_THAT(text("x,y\n1,a\n"), Contains(":1: no column id, which is the key"));
  CHECK_THAT(text("id,id\n1,a\n"), Contains(":1: column id is there twice"));
  CHECK_THAT(text("id\n1\n", {{.name = "z", .of = kind::integer, .path = {}}}),
             Contains("no column z as declared"));
  CHECK_THAT(text(""), Contains("empty"));
  CHECK_THAT(text("id,x\n1,\xff\n"), Contains("users.csv:2: "));
  std::filesystem::remove(s.folder / "users.csv");
  CHECK(make_row_table(s.settings())->latest().error().code() == errc::io);
}

TEST_CASE("a table over the limit is refused") {
  scene s;
  s.write("id\n" + std::string(100, '1') + "\n");
  auto settings = s.settings();
  settings.max_bytes = 50;
  CHECK(make_row_table(settings)->latest().error().code() == errc::full);
}

TEST_CASE("a changed file is a new version, a wrong one leaves the old in use") {
  scene s;
  s.write("id,x\n1,a\n");
  auto store = make_row_table(s.settings());
  auto first = get(*store);
  CHECK(get(*store) == first);
  s.write("id,x\n1,a\n"); // touched, not changed
  CHECK(get(*store) == first);
  s.write("id,x\n1,b\n1,c\n");
  CHECK(store->latest().has_error());
  CHECK(store->latest().has_error());
  CHECK(std::distance(std::filesystem::directory_iterator{s.folder / "tables" / "users"}, {}) == 1);
  s.write("id,x\n1,b\n");
  auto second = get(*store);
  CHECK(second->version() != first->version());
  CHECK(row(*first, "1")[0] == value{"a"});
  CHECK(row(*second, "1")[0] == value{"b"});
}

TEST_CASE("versions answer after a restart until they are let go") {
  scene s;
  s.write("id,x\n1,a\n");
  std::string first, second;
  {
    auto store = make_row_table(s.settings());
    first = get(*store)->version();
    s.write("id,x\n1,b\n");
    second = get(*store)->version();
  }
  auto store = make_row_table(s.settings());
  auto old = store->version(first);
  REQUIRE(!old.has_error());
  CHECK((*old)->version() == first);
  CHECK(row(**old, "1")[0] == value{"a"});
  CHECK(get(*store)->version() == second);
  store->keep_only({});
  CHECK(row(**old, "1")[0] == value{"a"});
  old = error{};
  CHECK(store->version(first).error().code() == errc::out_of_range);
  CHECK(!store->version(second).has_error());
  CHECK(store->version("../../users.csv").error().code() == errc::out_of_range);
}

TEST_CASE("a damaged copy, or one made with other settings, is no version") {
  scene s;
  s.write("id,x\n1,a\n");
  auto id = get(*make_row_table(s.settings()))->version();
  auto other = s.settings({{.name = "x", .of = kind::bytes, .path = {}}});
  CHECK(make_row_table(other)->version(id).error().code() == errc::corrupt);
  std::ofstream{s.folder / "tables" / "users" / id, std::ios::app} << "2,b\n";
  CHECK(make_row_table(s.settings())->version(id).error().code() == errc::corrupt);
}

TEST_CASE("readers on many threads see one version each, whole") {
  scene s;
  s.write("id,x,y\n1,0,0\n");
  auto store = make_row_table(s.settings());
  get(*store);
  std::atomic<bool> done{false}, torn{false};
  std::vector<std::thread> readers;
  for (int t = 0; t < 3; ++t)
    readers.emplace_back([&] {
      while (!done) {
        auto table = store->latest();
        if (!table)
          continue;
        std::vector<value> out;
        if (!(*table)->find("1", {0, 1}, out) || !(out[0] == out[1]) || !store->version((*table)->version()))
          torn = true;
      }
    });
  for (int i = 0; i < 50; ++i) {
    s.write("id,x,y\n1," + std::to_string(i) + "," + std::to_string(i) + "\n");
    (void)store->latest();
  }
  done = true;
  for (auto& r : readers)
    r.join();
  CHECK_FALSE(torn);
}

TEST_CASE("rows for ranges are found by what lies between their ends, which belong to them") {
  scene s;
  s.write("low,high,name\n10,19,a\n-5,-1,b\n20,20,c\n");
  auto settings = s.settings(
      {{.name = "low", .of = kind::integer, .path = {}}, {.name = "high", .of = kind::integer, .path = {}}});
  settings.key = {.key = "", .from = "low", .to = "high"};
  auto table = get(*make_row_table(settings));
  for (const auto& [key, name] : {std::pair{10, "a"}, {19, "a"}, {20, "c"}, {-5, "b"}, {-1, "b"}}) {
    INFO(key);
    CHECK(row(*table, key).back() == value{name});
  }
  for (auto key : {9, 21, 0, -6})
    CHECK(row(*table, key) == miss);
  CHECK(row(*table, 15.0).back() == value{"a"});
  CHECK(row(*table, "15") == miss);
  s.write("low,high,name\n10,19,a\n19,25,b\n");
  CHECK_THAT(make_row_table(settings)->latest().error().text(),
             Catch::Contains("users.csv:3: its range overlaps another, first at") && Catch::Contains(":2"));
  s.write("low,high,name\n10,9,a\n");
  CHECK_THAT(make_row_table(settings)->latest().error().text(),
             Catch::Contains(":2: the range ends before it begins"));
}

TEST_CASE("addresses are found in ranges and networks, whether they are v4 or v6") {
  scene s;
  s.write("net,who\n10.0.0.0/8,ten\n192.168.1.7,one\n2001:db8::/32,doc\n0.0.0.0/9,low\n");
  auto settings = s.settings();
  settings.key = {.network = "net"};
  auto table = get(*make_row_table(settings));
  for (const auto& [key, who] : {std::pair{"10.0.0.0", "ten"},
                                 {"10.255.255.255", "ten"},
                                 {"::ffff:10.1.2.3", "ten"},
                                 {"192.168.1.7", "one"},
                                 {"2001:db8:ffff::1", "doc"},
                                 {"0.127.255.255", "low"}}) {
    INFO(key);
    CHECK(row(*table, key).back() == value{who});
  }
  for (const auto* key :
       {"11.0.0.0", "192.168.1.8", "2001:db9::", "0.128.0.0", "::1", "ten", "", "10.0.0.1\t"})
    CHECK(row(*table, key) == miss);
  for (const auto& [bytes, why] : {std::pair{"net\n10.0.0.1/8\n", "is no network"},
                                   {"net\n10.0.0.0/33\n", "is no network"},
                                   {"net\n10.0.0.0/\n", "is no network"},
                                   {"net\n10.0.0.0/8\n10.2.0.0/16\n", "overlaps another"}}) {
    s.write(bytes);
    CHECK_THAT(make_row_table(settings)->latest().error().text(), Catch::Contains(why));
  }
  s.write("a,b,who\n1.0.0.0,1.0.0.255,x\n2001:db8::,2001:db8::ff,y\n");
  settings.key = {.from = "a", .to = "b", .addresses = true};
  table = get(*make_row_table(settings));
  CHECK(row(*table, "1.0.0.77").back() == value{"x"});
  CHECK(row(*table, "2001:db8::77").back() == value{"y"});
  CHECK(row(*table, "1.0.1.0") == miss);
}

TEST_CASE("a key may have a row for each time") {
  scene s;
  s.write("id,since,until,price\n"
          "7,2020-01-01T00:00:00Z,2020-02-01T00:00:00Z,1\n"
          "7,2020-02-01T00:00:00Z,,2\n"
          "7,,2019-01-01T00:00:00Z,0\n"
          "8,2020-01-01T00:00:00Z,2020-01-02T00:00:00Z,5\n");
  auto settings = s.settings({{.name = "id", .of = kind::integer, .path = {}},
                              {.name = "since", .of = {kind::timestamp, true}, .path = {}},
                              {.name = "until", .of = {kind::timestamp, true}, .path = {}}});
  settings.key = {.key = "id", .since = "since", .until = "until"};
  auto table = get(*make_row_table(settings));
  auto price = [&](int id, const char* at) {
    std::vector<value> out;
    auto column = *table->columns().find("price");
    return table->find_at(value{id}, *parse_rfc3339(at), {column}, out) ? *out[0].get_if<std::string>()
                                                                        : "none";
  };
  CHECK(price(7, "2019-12-31T23:59:59Z") == "none");
  CHECK(price(7, "2020-01-01T00:00:00Z") == "1");
  CHECK(price(7, "2020-01-31T23:59:59Z") == "1");
  CHECK(price(7, "2020-02-01T00:00:00Z") == "2");
  CHECK(price(7, "2999-01-01T00:00:00Z") == "2");
  CHECK(price(7, "0001-01-01T00:00:00Z") == "0");
  CHECK(price(7, "2019-01-01T00:00:00Z") == "none");
  CHECK(price(8, "2020-01-02T00:00:00Z") == "none");
  CHECK(price(9, "2020-01-02T00:00:00Z") == "none");
  s.write("id,since,until\n7,2020-01-01T00:00:00Z,\n7,2021-01-01T00:00:00Z,\n");
  CHECK_THAT(make_row_table(settings)->latest().error().text(),
             Catch::Contains(":3: it is valid while another row of its key is, first at"));
  s.write("id,since,until\n7,2020-01-01T00:00:00Z,2020-01-01T00:00:00Z\n");
  CHECK_THAT(make_row_table(settings)->latest().error().text(), Catch::Contains("ends before it begins"));
  settings.columns = schema{{{.name = "id", .of = kind::integer, .path = {}}}};
  CHECK_THAT(make_row_table(settings)->latest().error().text(), Catch::Contains("declare it as a timestamp"));
}

TEST_CASE("a table may be a file with a JSON object a line") {
  scene s;
  s.write("{\"id\":7,\"home\":{\"city\":\"Ulm\"},\"more\":1}\n{\"id\":8,\"home\":{}}\n");
  auto settings = s.settings({{.name = "id", .of = kind::integer, .path = {"id"}},
                              {.name = "city", .of = {kind::string, true}, .path = {"home", "city"}}});
  settings.format = "ndjson";
  auto table = get(*make_row_table(settings));
  REQUIRE(table->columns().size() == 1);
  CHECK(row(*table, 7) == std::vector<value>{"Ulm"});
  CHECK(row(*table, 8)[0].is_null());
  CHECK(row(*table, 9) == miss);
  s.write("{\"id\":7}\n{\"id\":\n");
  CHECK_THAT(make_row_table(settings)->latest().error().text(), Catch::Contains("users.csv:2: "));
  s.write("{\"id\":7}\n{\"id\":7}\n");
  CHECK_THAT(make_row_table(settings)->latest().error().text(),
             Catch::Contains(":2: the key 7 is there twice"));
}

TEST_CASE("ranges at random are found as by looking at each") {
  scene s;
  std::mt19937_64 random{5};
  for (int round = 0; round < 20; ++round) {
    std::vector<std::pair<int, int>> ranges;
    std::string text = "low,high,n\n";
    for (int at = -300; at < 300;) {
      at += static_cast<int>(random() % 12);
      auto end = at + static_cast<int>(random() % 6);
      ranges.emplace_back(at, end);
      at = end + 1;
    }
    std::shuffle(ranges.begin(), ranges.end(), random);
    for (std::size_t i = 0; i < ranges.size(); ++i)
      text += std::to_string(ranges[i].first) + "," + std::to_string(ranges[i].second) + "," +
              std::to_string(i) + "\n";
    s.write(text);
    auto settings = s.settings({{.name = "low", .of = kind::integer, .path = {}},
                                {.name = "high", .of = kind::integer, .path = {}}});
    settings.key = {.key = "", .from = "low", .to = "high"};
    auto table = get(*make_row_table(settings));
    for (int key = -310; key < 320; ++key) {
      auto expected = std::find_if(ranges.begin(), ranges.end(),
                                   [&](const auto& r) { return r.first <= key && key <= r.second; });
      auto got = row(*table, key);
      REQUIRE((got == miss) == (expected == ranges.end()));
      if (expected != ranges.end())
        REQUIRE(got.back() == value{std::to_string(expected - ranges.begin())});
    }
  }
}
