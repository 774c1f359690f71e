#include "event/time_pattern.hpp"
#include "tests/event/decode_support.hpp"

#include <catch2/catch.hpp>

using namespace tidemill;
using namespace tidemill::test;

namespace {

decoded decode_json(const schema& fields, const std::vector<std::string>& records) {
  auto with = codec_for({}, fields);
  return decode(*with, batch_of(records));
}

// The value of field `x` of the given type in `{"x": json}`.
decoded one(const std::string& type_text, const std::string& json) {
  return decode_json(schema_of({{"x", type_text}}), {"{\"x\": " + json + "}"});
}

schema nested_schema() {
  auto fields = schema_of({{"id", "int"}, {"city", "string?"}, {"n", "int?"}});
  std::vector<field> all = fields.fields();
  all[0].path = {"user", "id"};
  all[1].path = {"user", "home", "city"};
  return schema{all};
}

} // namespace

TEST_CASE("a JSON value of each type is read") {
  CHECK(one("bool", "true").cell() == value{true});
  CHECK(one("bool", "false").cell() == value{false});
  CHECK(one("int", "-42").cell() == value{-42});
  CHECK(one("int", "-0").cell() == value{0});
  CHECK(one("uint", "18446744073709551615").cell() == value{std::uint64_t{18446744073709551615u}});
  CHECK(one("double", "-1.5e2").cell() == value{-150.0});
  CHECK(one("double", "7").cell() == value{7.0});
  CHECK(one("decimal", "12.50").cell() == value{decimal{12'500'000'000}});
  CHECK(one("decimal", "\"0.1\"").cell() == value{decimal{100'000'000}});
  CHECK(one("string", "\"h\xC3\xA9\"").cell() == value{"h\xC3\xA9"});
  CHECK(one("bytes", "\"ab\"").cell() == value{byte_string{"ab"}});
  CHECK(one("duration", "\"1m30s\"").cell() == value{duration{90'000'000'000}});
  CHECK(one("[int]", "[1, -2]").cell() == value{value_list{1, -2}});
  CHECK(one("[string?]", "[\"a,]\", null]").cell() == value{value_list{"a,]", value{}}});
  CHECK(one("[decimal]", "[0.1]").cell() == value{value_list{decimal{100'000'000}}});
  CHECK(one("[int]", " [ ] ").cell() == value{value_list{}});
}

TEST_CASE("integers reach both ends of their range and not further") {
  CHECK(one("int", "9223372036854775807").cell() == value{std::numeric_limits<std::int64_t>::max()});
  CHECK(one("int", "-9223372036854775808").cell() == value{std::numeric_limits<std::int64_t>::min()});
  CHECK(one("int", "9223372036854775808").failure().code() == errc::event_type);
  CHECK(one("int", "-9223372036854775809").failure().code() == errc::event_type);
  CHECK(one("uint", "18446744073709551616").failure().code() == errc::event_type);
  CHECK(one("uint", "-1").failure().code() == errc::event_type);
}

TEST_CASE("a double is the nearest one, and what no double can hold is refused") {
  CHECK(one("double", "0.1").cell() == value{0.1});
  CHECK(one("double", "1e-400").cell() == value{0.0});
  CHECK(one("double", "5e-324").cell() == value{5e-324});
  CHECK(one("double", "1.7976931348623157e308").cell() == value{1.7976931348623157e308});
  CHECK(one("double", "1e400").failure().code() == errc::event_type);
  CHECK(one("double", "-1" + std::string(400, '0')).failure().code() == errc::event_type);
}

TEST_CASE("a timestamp is read in the form that its field declares") {
  auto t = value{timestamp{1'431'857'103, 0}};
  CHECK(one("timestamp", "\"2015-05-17T10:05:03Z\"").cell() == t);
  CHECK(one("timestamp_s", "1431857103").cell() == t);
  CHECK(one("timestamp_ms", "1431857103000").cell() == t);
  CHECK(one("timestamp_us", "1431857103000000").cell() == t);
  CHECK(one("timestamp_ns", "1431857103000000000").cell() == t);
  CHECK(one("timestamp_ms", "\"1431857103000\"").cell() == t);
  CHECK(one("timestamp_s", "1431857103.0").cell() == t);
  CHECK(one("timestamp_s", "1.431857103e9").cell() == t);
  CHECK(one("[timestamp_ms]", "[1431857103000]").cell() == value{value_list{t}});
}

TEST_CASE("an epoch of any number of digits is read alike, quoted or not") {
  for (auto unit : {"timestamp_s", "timestamp_ms", "timestamp_us", "timestamp_ns"}) {
    auto per_second = std::string_view{unit} == "timestamp_s"    ? 1
                      : std::string_view{unit} == "timestamp_ms" ? 1'000
                      : std::string_view{unit} == "timestamp_us" ? 1'000'000
                                                                 : 1'000'000'000;
    for (std::int64_t x = 1; x < 100'000'000'000'000'000; x = x * 10 + 7)
      for (auto n : {x, -x}) {
        auto seconds = n / per_second - (n % per_second < 0 ? 1 : 0);
        auto text = std::to_string(n);
        if (seconds > timestamp_max_seconds || seconds < timestamp_min_seconds) {
          CHECK(one(unit, text).failure().code() == errc::event_type);
          continue;
        }
        auto nanos = (n - seconds * per_second) * (1'000'000'000 / per_second);
        value wanted = timestamp{seconds, static_cast<std::int32_t>(nanos)};
        CHECK(one(unit, text).cell() == wanted);
        CHECK(one(unit, '"' + text + '"').cell() == wanted);
      }
  }
  for (auto json :
       {"01431857103000", "1431857103O00", "143185710300\xC3\xA9", "+1431857103000", "1431857103 00"})
    CHECK(one("timestamp_ms", json).failures.size() == 1);
}

TEST_CASE("a timestamp may have a pattern, in a list too") {
  auto fields = schema_of({{"x", "timestamp"}, {"y", "[timestamp]?"}}).fields();
  for (auto& f : fields) {
    f.time = time_format::pattern;
    f.pattern = std::make_shared<const time_pattern>(*time_pattern::compile("%Y-%m-%d %H:%M:%S"));
  }
  auto all = decode_json(schema{fields}, {R"({"x": "2010-12-01 08:26:00", "y": ["2010-12-01 08:26:00"]})",
                                          R"({"x": "2010-12-01T08:26:00Z"})"});
  REQUIRE(all.rows.rows() == 1);
  auto t = value{timestamp{1'291'191'960, 0}};
  CHECK(all.rows.columns[0].at(0) == t);
  CHECK(all.rows.columns[1].at(0) == value{value_list{t}});
  CHECK(all.failure().text() == "x: expected timestamp: \"2010-12-01T08:26:00Z\" is no time of the form "
                                "%Y-%m-%d %H:%M:%S (byte 6)");
}

TEST_CASE("a fraction of an epoch is exact and cut towards the past") {
  CHECK(one("timestamp_s", "1431857103.123456789").cell() == value{timestamp{1'431'857'103, 123'456'789}});
  CHECK(one("timestamp_s", "1.9999999999").cell() == value{timestamp{1, 999'999'999}});
  CHECK(one("timestamp_s", "-1.5").cell() == value{timestamp{-2, 500'000'000}});
  CHECK(one("timestamp_s", "-0.0000000001").cell() == value{timestamp{-1, 999'999'999}});
  CHECK(one("timestamp_ms", "-1").cell() == value{timestamp{-1, 999'000'000}});
  CHECK(one("timestamp_ms", "1.5").cell() == value{timestamp{0, 1'500'000}});
  CHECK(one("timestamp_s", "0e999999999999").cell() == value{timestamp{0, 0}});
  CHECK(one("timestamp_s", "1e-999999999999").cell() == value{timestamp{0, 0}});
}

TEST_CASE("a time outside of the years 1 to 9999 is refused") {
  CHECK(one("timestamp_s", "253402300799").cell() == value{timestamp{timestamp_max_seconds, 0}});
  for (auto json : {"253402300800", "-62135596801", "1e30", "1e999999999999", "99999999999999999999999999"})
    CHECK(one("timestamp_s", json).failure().code() == errc::event_type);
  CHECK(one("timestamp", "\"10000-01-01T00:00:00Z\"").failure().code() == errc::event_type);
}

TEST_CASE("types are strict, and the error names field, expected and found type") {
  auto text = [](const std::string& type_text, const std::string& json) {
    auto why = one(type_text, json).failure();
    CHECK(why.code() == errc::event_type);
    return why.text();
  };
  CHECK(text("int", "1.0") == "x: expected int, found number 1.0 (byte 6)");
  CHECK(text("int", "\"1\"") == "x: expected int, found string \"1\" (byte 6)");
  CHECK(text("int", "1e3") == "x: expected int, found number 1e3 (byte 6)");
  CHECK(text("int", "true") == "x: expected int, found bool true (byte 6)");
  CHECK(text("string", "1") == "x: expected string, found number 1 (byte 6)");
  CHECK(text("bool", "[1]") == "x: expected bool, found a list (byte 6)");
  CHECK(text("double", "{\"a\":1}") == "x: expected double, found an object (byte 6)");
  CHECK(text("timestamp_ms", "\"now\"") == "x: expected timestamp_ms, found string \"now\" (byte 6)");
  CHECK(text("timestamp", "5") == "x: expected timestamp, found number 5 (byte 6)");
  CHECK(text("duration", "5") == "x: expected duration, found number 5 (byte 6)");
  CHECK(text("decimal", "\"1,5\"") == "x: expected decimal, found string \"1,5\" (byte 6)");
  CHECK(text("[int]", "[1, \"2\"]") == "x: expected int, found string \"2\" (byte 6)");
  CHECK(text("[int]", "[null]") == "x: expected int, found null in the list (byte 6)");
  CHECK(text("[int]", "1") == "x: expected [int], found number 1 (byte 6)");
  CHECK(text("decimal", "0.1234567891").starts_with("x: expected decimal: "));
  CHECK(text("duration", "\"5 apples\"").starts_with("x: expected duration: "));
}

TEST_CASE("null and absence are null for a nullable field and missing for another") {
  CHECK(one("int?", "null").cell().is_null());
  CHECK(decode_json(schema_of({{"x", "int?"}}), {"{}"}).cell().is_null());
  auto why = one("int", "null").failure();
  CHECK(why.code() == errc::event_missing);
  CHECK(why.text() == "x: is null; declare it int? if that may be (byte 6)");
  why = decode_json(schema_of({{"x", "int"}}), {"{\"y\":1}"}).failure();
  CHECK(why.code() == errc::event_missing);
  CHECK(why.text() == "x: is missing; declare it int? if that may be");
}

TEST_CASE("a dyn field holds any JSON, also null") {
  CHECK(one("dyn", "null").cell().is_null());
  CHECK(one("dyn", "18446744073709551615").cell() == value{std::uint64_t{18446744073709551615u}});
  CHECK(one("dyn", "1.0").cell().of() == kind::real);
  CHECK(one("dyn", "[true, {\"a\": {\"b\": \"\\u00e9\"}}, 2]").cell() ==
        value{value_list{true, value_map{{"a", value_map{{"b", "\xC3\xA9"}}}}, 2}});
  CHECK(decode_json(schema_of({{"x", "dyn"}}), {"{}"}).failure().code() == errc::event_missing);
}

TEST_CASE("a dyn value is at most 64 levels deep") {
  auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  CHECK(one("dyn", nested(64)).failures.empty());
  CHECK(one("dyn", nested(65)).failure().code() == errc::event_malformed);
}

TEST_CASE("nesting without end is refused without deep recursion") {
  std::string bomb(1'000'000, '[');
  CHECK(one("int", bomb).failure().code() == errc::event_malformed);
  CHECK(one("dyn", bomb).failure().code() == errc::event_malformed);
  CHECK(one("int", bomb + std::string(1'000'000, ']')).failures.size() == 1); // too large as well
  std::string objects;
  for (int i = 0; i < 100'000; ++i)
    objects += "{\"x\":";
  CHECK(one("int", objects).failure().code() == errc::event_malformed);
  auto skipped = [](std::size_t depth) {
    return "{\"y\":" + std::string(depth, '[') + std::string(depth, ']') + ",\"x\":1}";
  };
  CHECK(decode_json(schema_of({{"x", "int"}}), {skipped(1024)}).cell() == value{1});
  CHECK(decode_json(schema_of({{"x", "int"}}), {skipped(1025)}).failure().text() ==
        "nested deeper than 1024 at byte 1029");
}

TEST_CASE("fields are found along their path") {
  auto out = decode_json(nested_schema(), {R"({"user":{"id":7,"home":{"zip":1,"city":"Bern"}},"n":3})",
                                           R"({"n":null,"user":{"home":null,"id":8}})"});
  REQUIRE(out.failures.empty());
  CHECK(text_of(out.rows) == "7\t\"Bern\"\t3\t\n8\tnull\tnull\t\n");
}

TEST_CASE("a path through something other than an object is a type error") {
  auto why = decode_json(nested_schema(), {R"({"user":5})"}).failure();
  CHECK(why.code() == errc::event_type);
  CHECK(why.text() == "user: expected an object, found number 5 (byte 8)");
  CHECK(decode_json(nested_schema(), {R"({"user":null})"}).failure().code() == errc::event_missing);
}

TEST_CASE("an object may be wanted whole and in part, and one value by several fields") {
  auto fields = schema_of({{"user", "dyn"}, {"id", "int"}, {"id_text", "dyn"}}).fields();
  fields[1].path = fields[2].path = {"user", "id"};
  auto out = decode_json(schema{fields}, {R"({"user":{"id":7}})"});
  REQUIRE(out.failures.empty());
  CHECK(text_of(out.rows) == "{\"id\":7}\t7\t7\t\n");
}

TEST_CASE("the first of several equal keys wins") {
  auto out = decode_json(schema_of({{"x", "int"}}), {R"({"x":1,"x":"two"})"});
  CHECK(out.cell() == value{1});
  CHECK(one("dyn", R"({"a":1,"b":2,"a":3})").cell() == value{value_map{{"a", 1}, {"b", 2}}});
  auto nested = decode_json(nested_schema(), {R"({"user":{"id":1},"user":{"id":2,"home":{"city":"X"}}})"});
  REQUIRE(nested.failures.empty());
  CHECK(text_of(nested.rows) == "1\tnull\tnull\t\n");
}

TEST_CASE("a key written with escapes is found") {
  CHECK(decode_json(schema_of({{"x", "int"}}), {R"({"\u0078":5})"}).cell() == value{5});
  CHECK(decode_json(schema_of({{"a\"b", "int"}}), {R"({"a\"b":5})"}).cell() == value{5});
  CHECK(decode_json(schema_of({{"x", "int"}}), {R"({"\u0078":5,"x":6})"}).cell() == value{5});
  CHECK(decode_json(schema_of({{"x", "int"}}), {R"({"\ud800":5,"x":6})"}).cell() == value{6});
  CHECK(decode_json(schema_of({{"x", "int"}}), {R"({"\q":5,"x":6})"}).failure().code() ==
        errc::event_malformed);
}

TEST_CASE("escapes in strings are undone") {
  CHECK(one("string", R"("a\"\\\/\b\f\n\r\tz")").cell() == value{"a\"\\/\b\f\n\r\tz"});
  CHECK(one("string", R"("\u0041\u00e9\u20ac\ud83d\ude00")").cell() ==
        value{"A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"});
  CHECK(one("string", R"("a\u0000b")").cell() == value{std::string{"a\0b", 3}});
  CHECK(one("decimal", R"("1\u002e5")").cell() == value{decimal{1'500'000'000}});
  CHECK(one("timestamp", R"("2015-05-17\u005410:05:03Z")").cell() == value{timestamp{1'431'857'103, 0}});
}

TEST_CASE("a string that is not Unicode is refused where it is read") {
  for (auto json : {R"("\ud83d")", R"("\ude00\ud83d")", R"("\ud83d\u0041")", R"("\ud83dx")"})
    CHECK(one("string", json).failure().code() == errc::event_encoding);
  CHECK(one("dyn", R"(["\ud83d"])").failure().code() == errc::event_encoding);
}

TEST_CASE("text that is not UTF-8 anywhere in a record fails it") {
  auto why = decode_json(schema_of({{"x", "int"}}), {"{\"x\":1,\"y\":\"a\xFF\"}"}).failure();
  CHECK(why.code() == errc::event_encoding);
  CHECK(why.text() == "text that is not UTF-8 at byte 13");
  // Both faults: which one is named doesn't depend on the processor.
  CHECK(decode_json(schema_of({{"x", "int"}}), {"{\"x\":\"\n\xFF"}).failure().code() == errc::event_encoding);
}

TEST_CASE("a record that is no JSON object is malformed, with the position") {
  auto text = [](const std::string& record) {
    auto why = decode_json(schema_of({{"x", "int?"}}), {record}).failure();
    CHECK(why.code() == errc::event_malformed);
    return why.text();
  };
  CHECK(text("[1]") == "expected a JSON object, found [ at byte 0");
  CHECK(text("  42") == "expected a JSON object, found 4 at byte 2");
  CHECK(text("{\"x\":1} {}") == "expected nothing behind the object, found { at byte 8");
  CHECK(text("{\"x\":1}}") == "expected nothing behind the object, found } at byte 7");
  CHECK(text("{\"x\":1") == "expected }, but the text ends at byte 6");
  CHECK(text("{\"y\":{\"a\":1}") == "expected }, but the text ends at byte 12");
  CHECK(text("{\"y\":\"abc}") == "unclosed string at byte 5");
  CHECK(text("{\"y\":\"a\nb\"}") == "unescaped control character at byte 7");
  CHECK(text(std::string{"{\"y\":\"a\0b\"}", 11}) == "unescaped control character at byte 7");
  CHECK(text("{\"y\" 1}") == "expected :, found 1 at byte 5");
  CHECK(text("{\"y\":1 \"x\":2}") == "expected }, found \" at byte 7");
  CHECK(text("{y:1}") == "expected a key, found y at byte 1");
  CHECK(text("{\"y\":1,}") == "expected a key, found } at byte 7");
  CHECK(text("{\"y\":}") == "expected a value, found } at byte 5");
  CHECK(text("{\"y\":[1,]}") == "expected a value, found ] at byte 8");
  CHECK(text("{\"y\":[1}}") == "expected ], found } at byte 7");
  CHECK(text("{\"y\":{\"z\":1]}") == "expected }, found ] at byte 11");
  CHECK(text("{\"y\":\"b\":1}") == "expected }, found : at byte 8");
  CHECK(text("{\"y\":\"b\"\"c\"}") == "expected }, found \" at byte 8");
  CHECK(text("{\"y\":1\"b\"}") == "expected a value, found 1 at byte 5");
}

TEST_CASE("whether a record is malformed doesn't depend on the fields that are needed") {
  const std::vector<std::string> broken{
      R"({"x":01,"y":1})", R"({"x":1.,"y":1})",    R"({"x":tru,"y":1})",   R"({"x":nul,"y":1})",
      R"({"x":-,"y":1})",  R"({"x":[1 2],"y":1})", R"({"x":"\q","y":1})",  R"({"x":"\u12","y":1})",
      R"({"x":+1,"y":1})", R"({"x":NaN,"y":1})",   R"({"x":{"a"},"y":1})", R"({"x":.5,"y":1})"};
  auto fields = schema_of({{"x", "dyn"}, {"y", "int"}});
  for (const auto& record : broken)
    for (auto needed : {std::vector<bool>{true, true}, {false, true}, {true, false}, {false, false}}) {
      auto with = codec_for({}, fields, needed);
      auto out = decode(*with, batch_of({record}));
      INFO(record);
      CHECK(out.failure().code() == errc::event_malformed);
    }
}

TEST_CASE("an empty or blank record is no event") {
  auto out = decode_json(schema_of({{"x", "int"}}), {"", "  \t", "{\"x\":1}", "\r", "\xEF\xBB\xBF"});
  CHECK(out.failures.empty());
  CHECK(out.rows.rows() == 1);
}

TEST_CASE("a byte order mark in front of a record is skipped") {
  CHECK(decode_json(schema_of({{"x", "int"}}), {"\xEF\xBB\xBF{\"x\":1}"}).cell() == value{1});
}

TEST_CASE("a record over the limit is refused and its neighbours are not") {
  format_options options;
  options.max_record = 10;
  auto with = codec_for(options, schema_of({{"x", "int"}}));
  auto out = decode(*with, batch_of({"{\"x\":1}", "{\"x\":12345}", "{\"x\":1234}"}));
  CHECK(out.failure().code() == errc::event_too_large);
  CHECK(out.failures[0].record == 1);
  CHECK(text_of(out.rows) == "1\t\n1234\t\n");
}

TEST_CASE("a failed record leaves no trace in the rows around it") {
  auto out = decode_json(schema_of({{"a", "int?"}, {"b", "string?"}, {"c", "int"}}),
                         {R"({"a":1,"b":"one","c":1})", R"({"a":null,"b":null,"c":"x"})",
                          R"({"a":2,"b":"two","c":2})", R"({"a":9,"b":"nine"})", R"({"c":3})"});
  REQUIRE(out.failures.size() == 2);
  CHECK(out.failures[0].record == 1);
  CHECK(out.failures[1].record == 3);
  CHECK(text_of(out.rows) == "1\t\"one\"\t1\t\n2\t\"two\"\t2\t\nnull\tnull\t3\t\n");
  CHECK(out.rows.columns[0].as<std::int64_t>()[2] == 0); // a null row holds a zero
  CHECK(out.rows.columns[1].as<std::string_view>()[2].empty());
  REQUIRE(out.rows.records.size() == 3);
  CHECK(out.rows.records[1].at == 2);
  CHECK(out.rows.selected == selection{0, 1, 2});
}

TEST_CASE("rows of several raw batches gather in one batch, and their memory lives on") {
  auto with = codec_for({}, schema_of({{"s", "string"}, {"n", "int?"}}));
  event_batch rows;
  std::vector<decode_failure> failures;
  for (int i = 0; i < 3; ++i) {
    auto batch = batch_of({R"({"s":"plain","n":null})", R"({"s":"esc\naped","n":1})", "broken"});
    with->decode(batch, rows, failures);
  }
  CHECK(failures.size() == 3);
  CHECK(rows.memory.size() == 3);
  std::string once = "\"plain\"\tnull\t\n\"esc\\naped\"\t1\t\n";
  CHECK(text_of(rows) == once + once + once);
  CHECK(rows.selected == selection{0, 1, 2, 3, 4, 5});
}

TEST_CASE("a field that is not needed has an empty column and is not parsed") {
  auto with = codec_for({}, schema_of({{"a", "int"}, {"b", "int"}}), {false, true});
  auto out = decode(*with, batch_of({R"({"a":"not an int","b":2})"}));
  CHECK(out.failures.empty());
  REQUIRE(out.rows.columns.size() == 2);
  CHECK(out.rows.columns[0].size() == 0);
  CHECK(out.rows.columns[1].size() == 1);
}

TEST_CASE("a codec can't be made for an unknown format, a useless limit or a field without cells") {
  auto fault = [](format_options options, const schema& fields) {
    auto made = make_codec(options, fields, std::vector<bool>(fields.size(), true));
    REQUIRE_FALSE(made.has_value());
    CHECK(made.error().code() == errc::config_invalid);
    return made.error().text();
  };
  format_options options;
  options.name = "xml";
  CHECK(fault(options, {}) == "unknown format \"xml\", expected one of json, csv, combined_log, regex, "
                              "logfmt, query, url");
  options = {};
  options.max_record = 0;
  CHECK(fault(options, {}) == "max_record must be between 1 byte and 1 GiB");
  schema maps{{{"m", type::map_of(kind::string, kind::integer), {}, time_format::rfc3339}}};
  CHECK(fault({}, maps) == "m: a field can't be of type map(string, int)");
}
