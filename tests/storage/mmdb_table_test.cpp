#include "storage/tables/mmdb_table.hpp"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <unistd.h>

using namespace tidemill;

namespace {

/// Writes MaxMind DBs of one network, 128.0.0.0/1, by the published format (version 2.0).
std::string control(unsigned type, std::size_t size) {
  std::string out;
  out += static_cast<char>((type < 8 ? type << 5 : 0) | size); // sizes here stay below 29
  if (type >= 8)
    out += static_cast<char>(type - 7);
  return out;
}
std::string text(const std::string& s) {
  return control(2, s.size()) + s;
}
std::string number(std::uint16_t x) {
  return control(5, 2) + static_cast<char>(x >> 8) + static_cast<char>(x);
}
std::string wide(unsigned type, std::uint64_t x, std::size_t bytes) {
  auto out = control(type, bytes);
  for (auto i = bytes; i-- > 0;)
    out += static_cast<char>(x >> (8 * i));
  return out;
}
std::string map(std::initializer_list<std::pair<std::string, std::string>> members) {
  auto out = control(7, members.size());
  for (const auto& [name, v] : members)
    out += text(name) + v;
  return out;
}
std::string database(const std::string& record) {
  std::string tree;
  for (unsigned pointer : {1u, 1u + 16u}) { // left: nothing; right: the first record
    tree += static_cast<char>(pointer >> 16);
    tree += static_cast<char>(pointer >> 8);
    tree += static_cast<char>(pointer);
  }
  return tree + std::string(16, '\0') + record + "\xab\xcd\xefMaxMind.com" +
         map({{"binary_format_major_version", number(2)},
              {"binary_format_minor_version", number(0)},
              {"build_epoch", wide(9, 1, 8)},
              {"database_type", text("test")},
              {"description", map({})},
              {"ip_version", number(4)},
              {"languages", control(11, 0)},
              {"node_count", wide(6, 1, 4)},
              {"record_size", number(24)}});
}

struct scene {
  scene() {
    static int count = 0;
    folder = std::filesystem::temp_directory_path() /
             ("tidemill_mmdb_" + std::to_string(::getpid()) + "_" + std::to_string(count++));
    std::filesystem::create_directories(folder);
  }
  ~scene() { std::filesystem::remove_all(folder); }
  void write(const std::string& bytes) const {
    std::ofstream{folder / "geo.mmdb", std::ios::binary} << bytes;
  }
  [[nodiscard]] result<table_ptr> load(std::vector<field> columns = {}) const {
    return make_mmdb_table({.name = "geo",
                            .path = folder / "geo.mmdb",
                            .folder = folder / "tables",
                            .columns = schema{std::move(columns)}})
        ->latest();
  }
  std::filesystem::path folder;
};

const std::string sample = map({{"country", map({{"iso_code", text("DE")}, {"eu", control(14, 1)}})},
                                {"lists", control(11, 2) + map({{"n", number(7)}}) + map({{"m", number(8)}})},
                                {"lat", wide(3, 0x3ff8000000000000, 8)},
                                {"wide", wide(9, ~std::uint64_t{0}, 8)},
                                {"raw", control(4, 2) + "\x01\x02"},
                                {"broken", text("\xff")}});

} // namespace

TEST_CASE("every scalar of the records is a column, named by its path") {
  scene s;
  s.write(database(sample));
  auto table = s.load();
  REQUIRE(!table.has_error());
  std::string names;
  for (const auto& f : (*table)->columns().fields()) {
    names += f.name + " ";
    CHECK(to_string(f.of) == "string?");
  }
  CHECK(names == "broken country.eu country.iso_code lat lists.0.n wide ");
  std::vector<value> out;
  REQUIRE((*table)->find("200.1.2.3", {0, 1, 2, 3, 4, 5}, out));
  CHECK(out == std::vector<value>{value{}, "true", "DE", "1.5", "7", value{}});
  CHECK_FALSE((*table)->find("100.1.2.3", {0}, out));
  CHECK(out.size() == 6);
}

TEST_CASE("declared columns have their types, what doesn't fit is null") {
  scene s;
  s.write(database(sample));
  auto table = s.load({{.name = "code", .of = kind::string, .path = {"country", "iso_code"}},
                       {.name = "country.eu", .of = kind::boolean, .path = {}},
                       {.name = "second", .of = kind::integer, .path = {"lists", "1", "m"}},
                       {.name = "lat", .of = kind::real, .path = {}},
                       {.name = "wide", .of = kind::integer, .path = {}},
                       {.name = "raw", .of = kind::bytes, .path = {}},
                       {.name = "country", .of = kind::string, .path = {}},
                       {.name = "none", .of = kind::string, .path = {"a", "b"}}});
  REQUIRE(!table.has_error());
  for (const auto& f : (*table)->columns().fields())
    CHECK(f.of.nullable());
  std::vector<value> out;
  REQUIRE((*table)->find("200.1.2.3", {0, 1, 2, 3, 4, 5, 6, 7}, out));
  CHECK(out == std::vector<value>{"DE", true, 8, 1.5, value{}, byte_string{"\x01\x02"}, value{}, value{}});
}

TEST_CASE("addresses of both versions are keys, other texts are no rows") {
  scene s;
  s.write(database(sample));
  auto table = s.load();
  REQUIRE(!table.has_error());
  std::vector<value> out;
  CHECK((*table)->find("255.255.255.255", {}, out));
  CHECK((*table)->find("::ffff:200.1.2.3", {}, out));
  CHECK((*table)->find("::FFFF:c801:0203", {}, out));
  for (const auto* none : {"", "200.1.2", "200.1.2.3 ", "200.1.2.300", "2001:db8::1", "localhost",
                           "0xc8.1.2.3", "fe80::1%eth0", "200.1.2.3:80"}) {
    INFO(none);
    CHECK_FALSE((*table)->find(none, {}, out));
  }
  CHECK_FALSE((*table)->find(std::string{"200.1.2.3\0x", 11}, {}, out));
  CHECK_FALSE((*table)->find(3'355'443'200, {}, out));
  CHECK_FALSE((*table)->find(value{}, {}, out));
}

TEST_CASE("bytes that are no database are an error, damaged ones never crash") {
  scene s;
  s.write("not a database");
  CHECK(s.load().error().code() == errc::corrupt);
  s.write("");
  CHECK(s.load().has_error());
  std::mt19937_64 random{1};
  auto whole = database(sample);
  for (int i = 0; i < 300; ++i) {
    auto bytes = whole;
    for (auto n = 1 + random() % 4; n > 0; --n)
      bytes[random() % bytes.size()] = static_cast<char>(random());
    if (i % 3 == 0)
      bytes.resize(random() % bytes.size());
    s.write(bytes);
    auto table = s.load();
    if (!table)
      continue;
    std::vector<std::size_t> all;
    for (std::size_t c = 0; c < (*table)->columns().size(); ++c)
      all.push_back(c);
    std::vector<value> out;
    (void)(*table)->find("200.1.2.3", all, out);
    (void)(*table)->find("1.2.3.4", all, out);
  }
}

TEST_CASE("a real table of countries resolves real addresses") {
  auto* path = std::getenv("TIDEMILL_TEST_MMDB");
  if (!path) {
    WARN("TIDEMILL_TEST_MMDB names no country database: skipped");
    return;
  }
  scene s;
  std::filesystem::copy_file(path, s.folder / "geo.mmdb");
  auto table = s.load();
  REQUIRE(!table.has_error());
  auto column = (*table)->columns().find("country_code");
  REQUIRE(column);
  std::vector<value> out;
  REQUIRE((*table)->find("8.8.8.8", {*column}, out));
  CHECK(out[0] == value{"US"});
  CHECK_FALSE((*table)->find("127.0.0.1", {*column}, out));
}
