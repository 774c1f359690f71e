#include "event/json_match.hpp"
#include "event/json_parse.hpp"

#include <catch2/catch.hpp>

using namespace tidemill;

namespace {

std::string told(const std::string& expected, const std::string& actual) {
  return mismatch(parse_json(expected).value(), parse_json(actual).value());
}

std::vector<value> all(const std::vector<std::string>& texts) {
  std::vector<value> out;
  for (const auto& t : texts)
    out.push_back(parse_json(t).value());
  return out;
}

} // namespace

TEST_CASE("an object is met by one that has its members, and may have others") {
  CHECK(told(R"({"a":1})", R"({"b":2,"a":1})").empty());
  CHECK(told(R"({"a":{"b":[1,{"c":null}]}})", R"({"a":{"b":[1,{}],"x":0}})").empty());
  CHECK(told(R"({"a":null})", R"({})").empty());
  CHECK(told(R"({"a":null})", R"({"a":null})").empty());
  CHECK(told("{}", R"({"a":1})").empty());
}

TEST_CASE("what doesn't match is told with its place") {
  CHECK(told(R"({"a":1})", R"({"b":2})") == "a is not there, expected 1");
  CHECK(told(R"({"a":null})", R"({"a":0})") == "a is 0, expected null");
  CHECK(told(R"({"user":{"name":"b"}})", R"({"user":{"name":"a"}})") == R"(user.name is "a", expected "b")");
  CHECK(told("[1,[2]]", "[1,[3]]") == "[1][0] is 3, expected 2");
  CHECK(told("[1]", "[1,2]") == "it is [1,2], expected [1]");
  CHECK(told(R"({"a":{}})", R"({"a":"{}"})") == R"(a is "{}", expected {})");
}

TEST_CASE("numbers are compared by value, doubles within nine digits, integers exactly") {
  CHECK(told("1", "1.0").empty());
  CHECK(told("0.3", "0.30000000000000004").empty());
  CHECK(told("9007199254740993", "9007199254740992") != "");
  CHECK(told("0.1", "0.2") != "");
  CHECK(told("1", R"("1")") != "");
  CHECK(told("0", "1e-300") != "");
}

TEST_CASE("values are paired so that as many as possible match") {
  // The first one could take either; only one way leaves a partner for the second.
  auto p = pair_up(all({"{}", R"({"a":1})"}), all({R"({"a":1})", R"({"b":2})"}));
  CHECK(p.of == std::vector<std::size_t>{1, 0});
  CHECK(p.unused.empty());
  auto q = pair_up(all({R"({"a":1})", R"({"a":1})", R"({"a":2})"}), all({R"({"a":3})", R"({"a":1})"}));
  CHECK(q.of == std::vector<std::size_t>{1, pairing::none, pairing::none});
  CHECK(q.unused == std::vector<std::size_t>{0});
}
