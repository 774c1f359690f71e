#include "tests/event/decode_support.hpp"

#include <catch2/catch.hpp>

#include <random>

using namespace tidemill;
using namespace tidemill::test;

namespace {

format_options regex(std::string pattern) {
  format_options options;
  options.name = "regex";
  options.pattern = std::move(pattern);
  return options;
}

format_options logfmt() {
  format_options options;
  options.name = "logfmt";
  return options;
}

std::string read(const format_options& options, const schema& fields, const std::vector<std::string>& lines) {
  auto with = codec_for(options, fields);
  auto out = decode(*with, batch_of(lines));
  auto text = text_of(out.rows);
  for (const auto& f : out.failures)
    text += "record " + std::to_string(f.record) + ": " + f.why.text() + '\n';
  return text;
}

} // namespace

TEST_CASE("groups of a regular expression are fields, by their names or paths") {
  auto fields = schema_of({{"ip", "string"}, {"status", "int"}, {"took", "double?"}});
  auto options = regex(R"(^(?P<ip>\S+) (?P<status>[0-9]*)(?: (?P<took>[0-9.]*)ms)?$)");
  CHECK(read(options, fields, {"10.0.0.1 200 1.5ms", "::1 404", "", "10.0.0.2 500 ms"}) ==
        "\"10.0.0.1\"\t200\t1.5\t\n\"::1\"\t404\tnull\t\n\"10.0.0.2\"\t500\tnull\t\n");
  CHECK(read(options, fields, {"no match here"}).find("the line doesn't match the pattern") !=
        std::string::npos);
  CHECK(read(options, fields, {"10.0.0.1 "}).find("status") != std::string::npos);
  CHECK(read(options, fields, {"10.0.0.1 99999999999999999999"}).find("status") != std::string::npos);
  auto other = schema{{{"address", kind::string, {"ip"}, time_format::rfc3339}}};
  CHECK(read(options, other, {"10.0.0.1 200"}) == "\"10.0.0.1\"\t\n");
}

TEST_CASE("a regular expression that can't serve is refused with the reason") {
  auto fields = schema_of({{"ip", "string"}});
  for (const auto& [pattern, why] : {std::pair{"", "needs an expression"},
                                     {"(?P<ip>", "no regular expression"},
                                     {"(?P<host>.*)", "no group (?P<ip>"}}) {
    auto made = make_codec(regex(pattern), fields, {true});
    REQUIRE_FALSE(made.has_value());
    CHECK(made.error().code() == errc::config_invalid);
    CHECK(made.error().text().find(why) != std::string::npos);
  }
}

TEST_CASE("pairs of a line are fields, the first of several counts, a key alone is true") {
  auto fields = schema_of({{"level", "string"}, {"msg", "string?"}, {"n", "int?"}, {"cached", "bool?"}});
  CHECK(read(logfmt(), fields,
             {R"(level=info msg="it \"works\"\n\u00e4" n=12 more=x cached)",
              R"(  level=warn	n= msg= cached=false)", R"(level="" level=late x="y z")",
              R"(level=a=b msg=c"d)"}) ==
        "\"info\"\t\"it \\\"works\\\"\\nä\"\t12\ttrue\t\n\"warn\"\t\"\"\tnull\tfalse\t\n"
        "\"\"\tnull\tnull\tnull\t\n\"a=b\"\t\"c\\\"d\"\tnull\tnull\t\n");
}

TEST_CASE("lines that are no pairs are malformed, and the place is told") {
  auto fields = schema_of({{"level", "string"}});
  for (const auto& [line, why] : {std::pair{R"(level="open)", "a closing quote for this one at byte 6"},
                                  {R"(=x level=a)", "a key at byte 0"},
                                  {R"(a"b level=c)", "a key at byte 1"},
                                  {R"(level="\q")", "known escapes"},
                                  {"other=1", "level"},
                                  {"level=\xff", "byte"}}) {
    INFO(line);
    auto text = read(logfmt(), fields, {line});
    CHECK(text.starts_with("record 0: "));
    CHECK(text.find(why) != std::string::npos);
  }
}

TEST_CASE("any bytes are a line of pairs or are refused") {
  auto fields = schema_of({{"a", "string?"}, {"b", "int?"}, {"c", "bool?"}});
  auto with = codec_for(logfmt(), fields);
  auto taken = codec_for(regex(R"((?P<a>a*)=(?P<b>[0-9]*)(?P<c>true)?)"), fields);
  std::mt19937_64 random{1};
  constexpr std::string_view letters = "abc=\" \\nu0012true\xc3\xa4\t,{}";
  std::size_t rows = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string line;
    for (auto n = random() % 24; n > 0; --n)
      line += letters[random() % letters.size()];
    rows += decode(*with, batch_of({line})).rows.rows() + decode(*taken, batch_of({line})).rows.rows();
  }
  CHECK(rows > 1000);
}
