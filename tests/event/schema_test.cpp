#include "event/schema.hpp"

#include <catch2/catch.hpp>

using namespace tidemill;

TEST_CASE("every type of a schema is read and written alike") {
  for (auto name : {"bool", "int", "uint", "double", "decimal", "string", "bytes", "timestamp", "duration",
                    "dyn", "int?", "[string]", "[int?]?", "[[double]]"}) {
    INFO(name);
    time_format time{};
    auto t = parse_type(name, time);
    REQUIRE(t);
    CHECK(to_string(*t) == name);
    CHECK(time == time_format::rfc3339);
  }
}

TEST_CASE("a timestamp says how it is written") {
  time_format time{};
  CHECK(parse_type("timestamp_s", time) == type{kind::timestamp});
  CHECK(time == time_format::epoch_s);
  CHECK(parse_type("timestamp_ms?", time) == type{kind::timestamp, true});
  CHECK(time == time_format::epoch_ms);
  CHECK(parse_type("[timestamp_us]", time) == type::list_of(kind::timestamp));
  CHECK(time == time_format::epoch_us);
  CHECK(parse_type("int", time));
  CHECK(time == time_format::rfc3339);
}

TEST_CASE("what is no type is none, and leaves the form of time alone") {
  auto time = time_format::epoch_ms;
  for (auto bad : {"", "?", "integer", "Int", "int??", "[]", "[int", "int]", " int", "map(string, int)",
                   "[[[[[[[[[[int]]]]]]]]]]"}) {
    INFO(bad);
    CHECK_FALSE(parse_type(bad, time));
  }
  CHECK_FALSE(parse_type(std::string(1'000'000, '['), time));
  CHECK(time == time_format::epoch_ms);
}

TEST_CASE("a schema finds fields by name and replaces types") {
  schema s{{{"a", kind::integer, {"x", "a"}}, {"b", kind::string, {}}}};
  CHECK(s.find("b") == 1);
  CHECK_FALSE(s.find("c"));
  CHECK(s.set({"a", kind::real, {}}) == 0);
  CHECK(s[0].of == type{kind::real});
  CHECK(s[0].path == std::vector<std::string>{"x", "a"});
  CHECK(s.set({"c", kind::boolean, {}}) == 2);
  CHECK(s.size() == 3);
}

TEST_CASE("types are equal by structure") {
  CHECK(type::list_of(kind::integer) == type::list_of(kind::integer));
  CHECK(type::list_of(kind::integer) != type::list_of(kind::string));
  CHECK(type{kind::list} == type::list_of(kind::dyn));
  CHECK(type{kind::integer} != type{kind::integer, true});
  CHECK(type{kind::integer}.with_null() == type{kind::integer, true});
  CHECK(type::map_of(kind::string, type::list_of(kind::integer)).second().first() == type{kind::integer});
  CHECK(to_string(type::map_of(kind::string, {}).with_null()) == "map(string, dyn)?");
  CHECK(to_string(type::optional_of(kind::integer)) == "optional(int)");
}
