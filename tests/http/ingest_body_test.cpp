#include "http/ingest_body.hpp"

#include "http/json.hpp"

#include <catch2/catch.hpp>

#include <random>
#include <string>

using namespace tidemill;

namespace {

std::string fault_of(body_format format, std::string_view body) {
  const auto r = split_records(format, body);
  return r ? "accepted " + std::to_string(r->size()) : r.error().text();
}

std::string nested(std::size_t levels) {
  std::string out;
  for (std::size_t i = 0; i < levels; ++i)
    out += "{\"a\":";
  out += "1";
  return out + std::string(levels, '}');
}

} // namespace

TEST_CASE("lines are records, blank ones are skipped") {
  const std::string body = "{\"a\":1}\r\n\n  \t\n {\"b\":[1,2]} \n{\"c\":\"é\"}";
  const auto r = split_records(body_format::ndjson, body);
  REQUIRE(r.has_value());
  CHECK(*r == std::vector<std::string_view>{"{\"a\":1}", " {\"b\":[1,2]}", "{\"c\":\"é\"}"});
}

TEST_CASE("the elements of an array are records") {
  const std::string body = " [ {\"a\":1} ,\n{\"b\":{\"c\":[{}]}},{} ] \n";
  const auto r = split_records(body_format::json_array, body);
  REQUIRE(r.has_value());
  CHECK(*r == std::vector<std::string_view>{"{\"a\":1}", "{\"b\":{\"c\":[{}]}}", "{}"});
}

TEST_CASE("one bad record refuses all and names its line or index") {
  CHECK(fault_of(body_format::ndjson, "{}\n\n{\"a\":}\n") == "line 3, column 6: expected a value");
  CHECK(fault_of(body_format::ndjson, "{}\n[1]\n") == "line 2, column 1: expected an object");
  CHECK(fault_of(body_format::ndjson, "{} {}\n") == "line 1, column 4: text after the end of the value");
  CHECK(fault_of(body_format::ndjson, "{\"a\":\n1}") ==
        "line 1, column 6: the text ends where a value should be");
  CHECK(fault_of(body_format::ndjson, "\n \r\n") == "the body holds no record");
  CHECK(fault_of(body_format::json_array, "[{},{\"a\":tru}]") == "element 1, byte 9: expected a value");
  CHECK(fault_of(body_format::json_array, "[{},1]") == "element 1, byte 4: expected an object");
  CHECK(fault_of(body_format::json_array, "{}") == "the array, byte 0: expected an array");
  CHECK(fault_of(body_format::json_array, "[{}") == "the array, byte 3: the array is not closed");
  CHECK(fault_of(body_format::json_array, "[{},]") == "element 1, byte 4: expected an object");
  CHECK(fault_of(body_format::json_array, "[{} {}]") == "the array, byte 4: expected , or ]");
  CHECK(fault_of(body_format::json_array, "[{}]x") == "the array, byte 4: text after the end of the array");
  CHECK(fault_of(body_format::json_array, "[]") == "the body holds no record");
  CHECK(fault_of(body_format::json_array, "") == "the array, byte 0: expected an array");
}

TEST_CASE("strict JSON only") {
  for (const auto* good :
       {"0", "-0", "10", "1.5", "1e9", "1E-9", "0.0e+1", "\"\"", "\"\\u0041\\n\\/\"", "\"\\ud834\\udd1e\"",
        "\"é𝄞\"", "true", "false", "null", "[]", "{}", " [ 1 , 2 ] ", "{\"a\":{\"b\":[]}}"}) {
    INFO(good);
    CHECK_FALSE(check_json(good));
  }
  for (const auto* bad : {"",
                          "01",
                          "+1",
                          ".5",
                          "1.",
                          "1e",
                          "-",
                          "0x1",
                          "NaN",
                          "Infinity",
                          "tru",
                          "True",
                          "'a'",
                          "\"",
                          "\"\\x\"",
                          "\"\\u12\"",
                          "\"\\ud834\"",
                          "\"\\udd1e\"",
                          "\"\\ud834\\u0041\"",
                          "\"\n\"",
                          "\"\t\"",
                          "\"\xff\"",
                          "\"\xc0\x80\"",
                          "\"\xed\xa0\x80\"",
                          "\"\xf4\x90\x80\x80\"",
                          "\"\xe2\x82\"",
                          "[1,]",
                          "[,1]",
                          "[1 2]",
                          "{\"a\"}",
                          "{\"a\":1,}",
                          "{a:1}",
                          "{,}",
                          "{\"a\":1 \"b\":2}",
                          "[}",
                          "{]",
                          "1 1",
                          "// x",
                          "\xef\xbb\xbf{}"}) {
    INFO(bad);
    CHECK(check_json(bad));
  }
}

TEST_CASE("nesting is bounded") {
  CHECK(fault_of(body_format::ndjson, nested(64)) == "accepted 1");
  CHECK(fault_of(body_format::ndjson, nested(65)).find("nested too deep") != std::string::npos);
  CHECK(fault_of(body_format::json_array, "[" + nested(64) + "]") == "accepted 1");
  CHECK(fault_of(body_format::ndjson, "{\"a\":" + std::string(1 << 20, '[')).find("nested too deep") !=
        std::string::npos);
}

TEST_CASE("the number of records of a request is bounded") {
  std::string lines, array = "[";
  for (std::size_t i = 0; i <= max_records; ++i) {
    lines += "{}\n";
    array += i > 0 ? ",{}" : "{}";
  }
  array += "]";
  for (const auto& r :
       {split_records(body_format::ndjson, lines), split_records(body_format::json_array, array)}) {
    REQUIRE_FALSE(r.has_value());
    CHECK(r.error().code() == errc::event_too_large);
  }
  CHECK(split_records(body_format::ndjson, std::string_view{lines}.substr(3))->size() == max_records);
}

TEST_CASE("content types choose the format") {
  CHECK(body_format_of("application/x-ndjson") == body_format::ndjson);
  CHECK(body_format_of("text/plain; charset=utf-8") == body_format::ndjson);
  CHECK(body_format_of("Application/JSON") == body_format::json_array);
  CHECK_FALSE(body_format_of("application/xml"));
  CHECK_FALSE(body_format_of(""));
}

TEST_CASE("no mutation of a body crashes the scanner, and both forms agree") {
  std::mt19937_64 random{11};
  const std::string seed = R"({"a":[1,-2.5e3,true,null,"x\u00e9\n"],"b":{"c":"é","d":{}}})";
  const std::string alphabet = "{}[],:\"\\0123456789eE+-. \x80\xC3ntf";
  int accepted = 0;
  for (int i = 0; i < 20'000; ++i) {
    auto text = seed;
    for (int n = static_cast<int>(random() % 3); n > 0; --n)
      text[random() % text.size()] = alphabet[random() % alphabet.size()];
    const bool line = split_records(body_format::ndjson, text).has_value();
    const bool element = split_records(body_format::json_array, "[" + text + "]").has_value();
    const bool value_read = parse_json(text).has_value();
    accepted += line ? 1 : 0;
    if (line && (!element || !value_read))
      FAIL(text);
  }
  CHECK(accepted > 1000);
}

TEST_CASE("small messages are read as values") {
  const auto v =
      parse_json(R"({"id":7,"x":1.5,"s":"\ud834\udd1e\t","l":[true,null],"big":99999999999999999999})");
  REQUIRE(v.has_value());
  CHECK(*json_member(*v, "id") == value{7});
  CHECK(*json_member(*v, "x") == value{1.5});
  CHECK(*json_member(*v, "s")->get_if<std::string>() == "𝄞\t");
  CHECK(json_member(*v, "l")->as_list()->size() == 2);
  CHECK(json_member(*v, "big")->get_if<double>() != nullptr);
  CHECK(json_member(*v, "none") == nullptr);
  CHECK(parse_json("[1,").error().text() == "byte 3: the text ends where a value should be");
}
