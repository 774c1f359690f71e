#include "http/request.hpp"

#include <catch2/catch.hpp>

#include <array>

using namespace tidemill;

TEST_CASE("a target is split at slashes and decoded") {
  const auto t = parse_target("/v1/views/a%20b/rows?where=x%20%3D%3D+1&limit=5&flag&empty=");
  REQUIRE(t.has_value());
  CHECK(t->path == "/v1/views/a%20b/rows");
  CHECK(t->segments == std::vector<std::string>{"v1", "views", "a b", "rows"});
  REQUIRE(t->query.size() == 4);
  CHECK(*t->find("where") == "x == 1");
  CHECK(*t->find("limit") == "5");
  CHECK(t->find("flag")->empty());
  CHECK(t->find("empty")->empty());
  CHECK(t->find("none") == nullptr);
}

TEST_CASE("an encoded slash stays inside its segment, and the absolute form is the same request") {
  CHECK(parse_target("/a%2Fb")->segments == std::vector<std::string>{"a/b"});
  CHECK(parse_target("http://host:1/v1/views?x=1")->path == "/v1/views");
  CHECK(parse_target("HTTP://host")->path == "/");
  CHECK(parse_target("http://host?x=1")->query.size() == 1);
  CHECK(parse_target("/")->segments.empty());
}

TEST_CASE("a target that can't be decoded is refused with the place") {
  for (const auto* text :
       {"/%", "/%4", "/%zz", "/a?b=%G1", "/%00", "/%0A", "/?x=%7f", "/%ff", "/%C0%80", "x", "*"}) {
    INFO(text);
    CHECK_FALSE(parse_target(text).has_value());
  }
  CHECK(parse_target("/a%zzb").error().text().find("%zz") != std::string::npos);
}

TEST_CASE("percent encoding is read back") {
  std::string every;
  for (int c = 0x20; c < 0x7F; ++c)
    every.push_back(static_cast<char>(c));
  every += "é€𝄞";
  CHECK(parse_target("/" + percent_encode(every))->segments.front() == every);
  CHECK(*parse_target("/?x=" + percent_encode(every))->find("x") == every);
}

TEST_CASE("Accept chooses by quality, then by our order") {
  constexpr std::array<std::string_view, 3> offers = {"application/json", "application/x-ndjson", "text/csv"};
  struct {
    const char* accept;
    int chosen;
  } const table[] = {
      {"", 0},
      {"*/*", 0},
      {"text/csv", 2},
      {"TEXT/CSV", 2},
      {"text/*", 2},
      {"application/*", 0},
      {"application/json;q=0.5, text/csv", 2},
      {"text/csv;q=0.1, */*;q=0.2", 0},
      {"application/json;q=0, */*", 1},
      {"text/html,application/xhtml+xml,*/*;q=0.8", 0},
      {"text/html", -1},
      {"application/json;q=0", -1},
      {"application/json;q=x", -1},
      {"application/x-ndjson ; q=1.0 , application/json; q=0.9", 1},
  };
  for (const auto& row : table) {
    INFO(row.accept);
    CHECK(negotiate(row.accept, offers) == row.chosen);
  }
}

TEST_CASE("a page may talk to its own server, to listed ones, and to no other") {
  const std::vector<std::string> listed{"https://app.example"};
  CHECK(origin_allowed("http://127.0.0.1:8080", "127.0.0.1:8080", listed));
  CHECK(origin_allowed("https://Shop.example", "shop.example", listed));
  CHECK(origin_allowed("https://app.example", "127.0.0.1:8080", listed));
  CHECK_FALSE(origin_allowed("http://127.0.0.1:8081", "127.0.0.1:8080", listed));
  CHECK_FALSE(origin_allowed("http://127.0.0.1", "127.0.0.1:8080", listed));
  CHECK_FALSE(origin_allowed("https://app.example.evil", "127.0.0.1:8080", listed));
  CHECK_FALSE(origin_allowed("null", "null", listed));
  CHECK_FALSE(origin_allowed("file://", "", listed));
  CHECK_FALSE(origin_allowed("chrome-extension://h", "h", listed));
}

TEST_CASE("media types are compared without parameters and case") {
  CHECK(media_type("Application/JSON; charset=utf-8") == "application/json");
  CHECK(media_type("  text/csv ") == "text/csv");
  CHECK(media_type("").empty());
}
