#include "storage/tables/csv_table.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <filesystem>
#include <fstream>
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
  [[nodiscard]] csv_table_settings settings(std::vector<field> columns = {}) const {
    return {.name = "users",
            .path = folder / "users.csv",
            .folder = folder / "tables" / "users",
            .key = "id",
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
  auto store = make_csv_table(s.settings());
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
  auto store = make_csv_table(s.settings({{.name = "id", .of = kind::integer, .path = {}},
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

TEST_CASE("faults of a table name file and line") {
  scene s;
  auto text = [&](const std::string& bytes, std::vector<field> columns = {}) {
    s.write(bytes);
    auto got = make_csv_table(s.settings(std::move(columns)))->latest();
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
  CHECK(make_csv_table(s.settings())->latest().error().code() == errc::io);
}

TEST_CASE("a table over the limit is refused") {
  scene s;
  s.write("id\n" + std::string(100, '1') + "\n");
  auto settings = s.settings();
  settings.max_bytes = 50;
  CHECK(make_csv_table(settings)->latest().error().code() == errc::full);
}

TEST_CASE("a changed file is a new version, a wrong one leaves the old in use") {
  scene s;
  s.write("id,x\n1,a\n");
  auto store = make_csv_table(s.settings());
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
    auto store = make_csv_table(s.settings());
    first = get(*store)->version();
    s.write("id,x\n1,b\n");
    second = get(*store)->version();
  }
  auto store = make_csv_table(s.settings());
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
  auto id = get(*make_csv_table(s.settings()))->version();
  auto other = s.settings({{.name = "x", .of = kind::bytes, .path = {}}});
  CHECK(make_csv_table(other)->version(id).error().code() == errc::corrupt);
  std::ofstream{s.folder / "tables" / "users" / id, std::ios::app} << "2,b\n";
  CHECK(make_csv_table(s.settings())->version(id).error().code() == errc::corrupt);
}

TEST_CASE("readers on many threads see one version each, whole") {
  scene s;
  s.write("id,x,y\n1,0,0\n");
  auto store = make_csv_table(s.settings());
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
