#include "event/options.hpp"
#include "event/schema.hpp"
#include "event/time_pattern.hpp"

#include <catch2/catch.hpp>

using namespace tidemill;

namespace {

result<field> declared(const std::vector<std::pair<std::string, std::string>>& settings) {
  options o;
  for (const auto& [name, text] : settings)
    o.set(name, {{}, text});
  return read_field("x", o);
}

errc fault(const std::vector<std::pair<std::string, std::string>>& settings) {
  auto f = declared(settings);
  return f ? errc::none : f.error().code();
}

} // namespace

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
  CHECK(parse_type("timestamp_ns", time) == type{kind::timestamp});
  CHECK(time == time_format::epoch_ns);
  CHECK(parse_type("int", time));
  CHECK(time == time_format::rfc3339);
}

TEST_CASE("a declared field has its type, its path and the form of its times") {
  auto f = declared({{"type", "[timestamp]?"}, {"path", "a.b c"}, {"format", "unix_ms"}});
  REQUIRE(f.has_value());
  CHECK(f->name == "x");
  CHECK(to_string(f->of) == "[timestamp]?");
  CHECK(f->path == std::vector<std::string>{"a", "b c"});
  CHECK(f->time == time_format::epoch_ms);
  CHECK(declared({{"type", "timestamp"}, {"format", "rfc3339"}})->time == time_format::rfc3339);
  CHECK(declared({{"type", "timestamp"}, {"format", "unix_s"}})->time == time_format::epoch_s);
  CHECK(declared({{"type", "timestamp"}, {"format", "unix_us"}})->time == time_format::epoch_us);
  CHECK(declared({{"type", "timestamp"}, {"format", "unix_ns"}})->time == time_format::epoch_ns);
  auto dated = declared({{"type", "timestamp?"}, {"format", "%d.%m.%Y"}});
  REQUIRE(dated.has_value());
  CHECK(dated->time == time_format::pattern);
  CHECK(dated->pattern->text() == "%d.%m.%Y");
}

TEST_CASE("a format belongs to a timestamp, is said once, and must be one") {
  CHECK(fault({{"type", "strin"}}) == errc::config_invalid);
  CHECK(fault({{"type", "int"}, {"format", "unix_ms"}}) == errc::config_invalid);
  CHECK(fault({{"type", "[string]"}, {"format", "%Y"}}) == errc::config_invalid);
  CHECK(fault({{"type", "timestamp_s"}, {"format", "unix_ms"}}) == errc::config_invalid);
  CHECK(fault({{"type", "timestamp"}, {"format", "iso"}}) == errc::config_invalid);
  CHECK(fault({{"type", "timestamp"}, {"format", "%H:%M"}}) == errc::config_invalid);
  CHECK(fault({{"type", "timestamp"}}) == errc::none);
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
