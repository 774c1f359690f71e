#include "tests/event/decode_support.hpp"

#include <catch2/catch.hpp>

using namespace tidemill;
using namespace tidemill::test;

namespace {

format_options combined_log() {
  format_options options;
  options.name = "combined_log";
  return options;
}

decoded decode_log(const std::vector<std::string>& lines) {
  auto with = codec_for(combined_log(), *builtin_schema(combined_log()));
  return decode(*with, batch_of(lines));
}

std::string line_of(const std::string& request, const std::string& size = "1234",
                    const std::string& referer = "-", const std::string& agent = "curl/8") {
  return "10.0.0.1 - - [17/May/2015:10:05:03 +0000] \"" + request + "\" 200 " + size + " \"" + referer +
         "\" \"" + agent + "\"";
}

// Method, path and protocol of a request line.
std::string request_of(const std::string& request) {
  auto out = decode_log({line_of(request)});
  INFO((out.failures.empty() ? "" : out.failures[0].why.text()));
  REQUIRE(out.rows.rows() == 1);
  auto text = [&](std::size_t i) { return std::string{out.rows.columns[i].as<std::string_view>()[0]}; };
  return text(4) + "|" + text(5) + "|" + text(6);
}

} // namespace

TEST_CASE("the fields of a combined log line are read") {
  auto out = decode_log({"2001:db8::1 id jo [17/May/2015:12:05:03 +0200] \"GET /a?b=c HTTP/1.1\" 404 99 "
                         "\"http://x/\" \"Mozilla/5.0 (X11)\""});
  REQUIRE(out.failures.empty());
  CHECK(text_of(out.rows) ==
        "\"2001:db8::1\"\t\"id\"\t\"jo\"\t\"2015-05-17T10:05:03Z\"\t\"GET\"\t\"/a?b=c\"\t"
        "\"HTTP/1.1\"\t404\t99\t\"http://x/\"\t\"Mozilla/5.0 (X11)\"\t\n");
}

TEST_CASE("a dash is null for the size and stays a dash elsewhere") {
  auto out = decode_log({line_of("GET / HTTP/1.0", "-")});
  REQUIRE(out.failures.empty());
  CHECK(out.rows.columns[8].is_null(0));
  for (auto i : {1u, 2u, 9u})
    CHECK(out.rows.columns[i].at(0) == value{"-"});
}

TEST_CASE("a request that can't be split is the path as a whole") {
  CHECK(request_of("GET /a HTTP/2.0") == "GET|/a|HTTP/2.0");
  CHECK(request_of("GET /with space HTTP/1.1") == "GET|/with space|HTTP/1.1");
  CHECK(request_of("-") == "|-|");
  CHECK(request_of("") == "||");
  CHECK(request_of("GET /old") == "|GET /old|");
  CHECK(request_of("hello you there") == "|hello you there|");
  CHECK(request_of(" / HTTP/1.1") == "| / HTTP/1.1|");
  CHECK(request_of("GET HTTP/1.1") == "|GET HTTP/1.1|");
}

TEST_CASE("escapes are undone if the result is UTF-8, and stay as written if not") {
  CHECK(request_of(R"(GET /\"q\"\\ HTTP/1.1)") == R"(GET|/"q"\|HTTP/1.1)");
  CHECK(request_of(R"(GET /\xc3\xA9\t HTTP/1.1)") == "GET|/\xC3\xA9\t|HTTP/1.1");
  CHECK(request_of(R"(\x16\x03\x01)") == "|\x16\x03\x01|");
  CHECK(request_of(R"(\x16\x03\xff)") == R"(|\x16\x03\xff|)");
  CHECK(request_of(R"(GET /\q\x4 HTTP/1.1)") == R"(GET|/\q\x4|HTTP/1.1)");
  auto out = decode_log({line_of("-", "-", R"(a\\)", R"(\"\")")});
  REQUIRE(out.failures.empty());
  CHECK(out.rows.columns[9].at(0) == value{"a\\"});
  CHECK(out.rows.columns[10].at(0) == value{"\"\""});
}

TEST_CASE("a user may hold spaces") {
  auto out = decode_log({"1.2.3.4 - jo doe [17/May/2015:10:05:03 +0000] \"-\" 401 0 \"-\" \"-\""});
  REQUIRE(out.failures.empty());
  CHECK(out.rows.columns[2].at(0) == value{"jo doe"});
}

TEST_CASE("a line that is none is refused, with what was expected and where") {
  auto fault = [](const std::string& line) { return decode_log({line}).failure(); };
  auto whole = line_of("GET / HTTP/1.1");
  CHECK(fault(whole.substr(0, whole.size() - 1)).text() ==
        "expected a user agent in quotes at byte 72, found \"\"curl/8\"");
  CHECK(fault(whole + " 17").text() == "expected the end of the line at byte 80, found \" 17\"");
  CHECK(fault("hello").text() == "expected an address at byte 0, found \"hello\"");
  CHECK(fault("1.2.3.4 - - no time").code() == errc::event_malformed);
  CHECK(fault("1.2.3.4 - - [17/May/2015:10:05:03 +0000]").text() ==
        "expected a space at byte 40, but the line ends");
  CHECK(fault("1.2.3.4 - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 17").code() ==
        errc::event_malformed); // the common format
  CHECK(fault("1.2.3.4 - - [17/Mai/2015:10:05:03 +0000] \"-\" 401 0 \"-\" \"-\"").code() == errc::event_type);
  CHECK(fault("1.2.3.4 - - [17/May/2015:10:05:03 +0000] \"-\" 20x 0 \"-\" \"-\"").text() ==
        "status: expected int, found text \"20x\"");
  CHECK(fault("1.2.3.4 - - [17/May/2015:10:05:03 +0000] \"-\" - 0 \"-\" \"-\"").code() ==
        errc::event_missing);
  CHECK(fault("1.2.3.4 - - [17/May/2015:10:05:03 +0000] \"\xFF\" 200 0 \"-\" \"-\"").code() ==
        errc::event_encoding);
}

TEST_CASE("a blank line of a log is no event") {
  auto out = decode_log({"", "  ", line_of("-")});
  CHECK(out.failures.empty());
  CHECK(out.rows.rows() == 1);
}

TEST_CASE("only the needed fields of a log are read, under the names that they are given") {
  auto fields = schema_of({{"client", "string"}, {"status", "int?"}}).fields();
  fields[0].path = {"ip"};
  auto with = codec_for(combined_log(), schema{fields}, {true, false});
  auto line = line_of("-");
  line.replace(line.find(" 200 "), 5, " xxx ");
  auto out = decode(*with, batch_of({line}));
  CHECK(out.cell() == value{"10.0.0.1"});
  CHECK(out.rows.columns[1].size() == 0);
}

TEST_CASE("a combined log has no other fields and no other types") {
  auto fault = [](const schema& fields) {
    auto made = make_codec(combined_log(), fields, std::vector<bool>(fields.size(), true));
    REQUIRE_FALSE(made.has_value());
    CHECK(made.error().code() == errc::config_invalid);
    return made.error().text();
  };
  CHECK(fault(schema_of({{"size", "int"}})) ==
        "size: a combined log has no such field, only ip ident user ts method path protocol status bytes "
        "referer agent");
  CHECK(fault(schema_of({{"status", "string"}})) == "status: status of a combined log is int, not string");
}

TEST_CASE("formats other than the log have no fields by themselves") {
  CHECK(builtin_schema(combined_log())->size() == 11);
  CHECK_FALSE(builtin_schema({}));
  CHECK(format_names() ==
        std::vector<std::string>{"json", "csv", "combined_log", "regex", "logfmt", "query", "url"});
}

TEST_CASE("of 10,000 lines of a real access log all but the truncated one are read") {
  auto text = file_text(TIDEMILL_SOURCE_DIR "/../shared/data/access_log/apache_combined.log");
  if (text.empty()) {
    WARN("no access log to read");
    return;
  }
  auto records = records_of(combined_log(), text);
  CHECK(records.size() == 10'000);
  auto out = decode_log(records);
  REQUIRE(out.failures.size() == 1);
  CHECK(out.failures[0].record == 8898);
  CHECK(out.failures[0].why.code() == errc::event_malformed);
  CHECK(out.rows.rows() == 9'999);
  std::size_t empty_methods = 0;
  for (auto method : out.rows.columns[4].as<std::string_view>())
    empty_methods += method.empty() ? 1 : 0;
  CHECK(empty_methods == 0);
}
