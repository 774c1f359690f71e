#include "event/url.hpp"
#include "tests/event/decode_support.hpp"

#include <catch2/catch.hpp>

#include <random>

using namespace tidemill;
using namespace tidemill::test;

namespace {

format_options format(std::string name) {
  format_options options;
  options.name = std::move(name);
  return options;
}

field from_path(std::string name, std::string type_text, std::vector<std::string> path) {
  field f{std::move(name), {}, std::move(path), time_format::rfc3339};
  f.of = parse_type(type_text, f.time).value();
  return f;
}

std::string read(const std::string& name, const schema& fields, const std::vector<std::string>& lines) {
  auto with = codec_for(format(name), fields);
  auto out = decode(*with, batch_of(lines));
  auto text = text_of(out.rows);
  for (const auto& f : out.failures)
    text += "record " + std::to_string(f.record) + ": " + f.why.text() + '\n';
  return text;
}

schema url_schema() {
  return schema_of({{"scheme", "string?"},
                    {"user", "string?"},
                    {"password", "string?"},
                    {"host", "string?"},
                    {"port", "int?"},
                    {"path", "string"},
                    {"query", "string?"},
                    {"fragment", "string?"}});
}

} // namespace

TEST_CASE("a URL is taken apart as RFC 3986 says") {
  CHECK(
      read("url", url_schema(),
           {"HTTPS://ann%40x:p%3Aw@Example.COM:8443/a%20b;v=1?q=1&r#top?", // all of them
            "ftp://ftp.is.co.za/rfc/rfc1808.txt", "http://[2001:DB8::7]/c=GB?objectClass?one",
            "mailto:John.Doe@example.com", "telnet://192.0.2.16:80/", "urn:oasis:names:docbook",
            "//host/path", "/only/path?", "a/b:c", "http://host:/x", "http://a@b@c/", "#", "file:///etc"}) ==
      "\"https\"\t\"ann@x\"\t\"p:w\"\t\"example.com\"\t8443\t\"/a%20b;v=1\"\t\"q=1&r\"\t\"top?\"\t\n"
      "\"ftp\"\tnull\tnull\t\"ftp.is.co.za\"\tnull\t\"/rfc/rfc1808.txt\"\tnull\tnull\t\n"
      "\"http\"\tnull\tnull\t\"2001:db8::7\"\tnull\t\"/c=GB\"\t\"objectClass?one\"\tnull\t\n"
      "\"mailto\"\tnull\tnull\tnull\tnull\t\"John.Doe@example.com\"\tnull\tnull\t\n"
      "\"telnet\"\tnull\tnull\t\"192.0.2.16\"\t80\t\"/\"\tnull\tnull\t\n"
      "\"urn\"\tnull\tnull\tnull\tnull\t\"oasis:names:docbook\"\tnull\tnull\t\n"
      "null\tnull\tnull\t\"host\"\tnull\t\"/path\"\tnull\tnull\t\n"
      "null\tnull\tnull\tnull\tnull\t\"/only/path\"\t\"\"\tnull\t\n"
      "null\tnull\tnull\tnull\tnull\t\"a/b:c\"\tnull\tnull\t\n"
      "\"http\"\tnull\tnull\t\"host\"\tnull\t\"/x\"\tnull\tnull\t\n"
      "\"http\"\t\"a@b\"\tnull\t\"c\"\tnull\t\"/\"\tnull\tnull\t\n"
      "null\tnull\tnull\tnull\tnull\t\"\"\tnull\t\"\"\t\n"
      "\"file\"\tnull\tnull\t\"\"\tnull\t\"/etc\"\tnull\tnull\t\n");
}

TEST_CASE("what is no URL is refused, and the reason names the place") {
  for (const auto& [line, why] : {std::pair{"http://a b/", "here is one at byte 8"},
                                  {"http://a/\n", "at byte 9"},
                                  {"http://[::1", "closing bracket behind"},
                                  {"http://[1.2.3.4]/", "expected an IPv6 address"},
                                  {"http://[::1]80/", "expected a port behind the address"},
                                  {"http://a:66000/", "expected a port up to 65535"},
                                  {"http://a:8x/", "found \"8x\""},
                                  {"http://a:1:2/", "found \"1:2\""},
                                  {"://a", "expected a scheme"},
                                  {"4http://a", "expected a scheme"},
                                  {"http://%FF@a/", "user: "},
                                  {"http://\xFF/", "byte"}}) {
    INFO(line);
    auto text = read("url", url_schema(), {line});
    CHECK(text.starts_with("record 0: "));
    CHECK(text.find(why) != std::string::npos);
  }
}

TEST_CASE("parameters of a URL are fields by the path query.NAME") {
  const schema fields{{from_path("path", "string", {}), from_path("page", "int?", {"query", "p"}),
                       from_path("tags", "[string]", {"query", "tag"}),
                       from_path("dotted", "string?", {"query", "a", "b"})}};
  CHECK(read("url", fields, {"/x?p=7&tag=a&tag=b%26c&a.b=y+z#p=8", "/y"}) ==
        "\"/x\"\t7\t[\"a\",\"b&c\"]\t\"y z\"\t\n\"/y\"\tnull\t[]\tnull\t\n");
}

TEST_CASE("a query string: the first of equal names counts, a list takes all, escapes are undone") {
  const schema fields = schema_of({{"q", "string?"},
                                   {"n", "int?"},
                                   {"f", "bool?"},
                                   {"ids", "[int]"},
                                   {"xs", "[double?]?"},
                                   {"at", "timestamp?"}});
  CHECK(read("query", fields,
             {"q=two+words%2B&n=1&n=2&f=true&ids=3&ids=4&xs=1.5&xs=&at=2026-01-05T10%3A00%3A00Z",
              "?q=%C3%A4%zz%4&&n=&f&=x&i%64s=9", "", "q", "%71=1"}) ==
        "\"two words+\"\t1\ttrue\t[3,4]\t[1.5,null]\t\"2026-01-05T10:00:00Z\"\t\n"
        "\"ä%zz%4\"\tnull\tnull\t[9]\tnull\tnull\t\n"
        "null\tnull\tnull\t[]\tnull\tnull\t\n"
        "\"\"\tnull\tnull\t[]\tnull\tnull\t\n"
        "\"1\"\tnull\tnull\t[]\tnull\tnull\t\n");
  CHECK(read("query", fields, {"q=%FF"}).find("record 0: q: ") != std::string::npos);
  CHECK(read("query", fields, {"ids=1&ids=x"}).find("ids: expected int, found text \"x\"") !=
        std::string::npos);
  CHECK(read("query", fields, {"ids="}).find("ids: expected int") != std::string::npos);
  CHECK(read("query", fields, {"xs=%C3"}).find("record 0: xs: ") != std::string::npos);
  CHECK(read("query", schema_of({{"q", "int"}}), {"p=1"}).find("q") != std::string::npos);
}

TEST_CASE("two fields may be of one parameter, and a field that nobody reads may be anything") {
  const schema fields{
      {from_path("text", "string", {"a"}), from_path("all", "[string]", {"a"}), from_path("b", "int", {})}};
  auto with = codec_for(format("query"), fields, {true, true, false});
  CHECK(text_of(decode(*with, batch_of({"a=1&b=x&a=2"})).rows) == "\"1\"\t[\"1\",\"2\"]\t\n");
}

TEST_CASE("fields that a format can't have are refused with what there is") {
  for (const auto& [name, field, why] :
       {std::tuple{"url", schema_of({{"domain", "string"}}), "no part \"domain\"; there are scheme"},
        {"url", schema_of({{"host", "dyn"}}), "host: text doesn't say"},
        {"query", schema_of({{"q", "dyn"}}), "q: text doesn't say"},
        {"logfmt", schema_of({{"q", "dyn"}}), "q: text doesn't say"}}) {
    auto made = make_codec(format(name), field, {true});
    REQUIRE_FALSE(made.has_value());
    CHECK(made.error().code() == errc::config_invalid);
    CHECK(made.error().text().find(why) != std::string::npos);
  }
}

TEST_CASE("any bytes are a URL or a query string, or are refused, and texts are UTF-8") {
  const schema parameters = schema_of({{"a", "string?"}, {"b", "[string]"}, {"c", "int?"}});
  auto query = codec_for(format("query"), parameters);
  auto url = codec_for(format("url"), url_schema());
  std::mt19937_64 random{3};
  static constexpr std::string_view letters = "abc%=&?+#/:@[].0129AF\xC3\xA4\xFF";
  std::size_t rows = 0;
  for (auto n = 0; n < 20'000; ++n) {
    std::string line;
    for (auto size = random() % 20; size > 0; --size)
      line += letters[random() % letters.size()];
    for (auto* with : {query.get(), url.get()}) {
      auto out = decode(*with, batch_of({line}));
      REQUIRE(out.rows.rows() + out.failures.size() == (with == url.get() && line.empty() ? 0 : 1));
      rows += out.rows.rows();
      CHECK(is_utf8(text_of(out.rows)));
    }
  }
  CHECK(rows > 5000);
}

TEST_CASE("what is written with escapes is read back") {
  std::mt19937_64 random{5};
  static constexpr char digits[] = "0123456789abcdefABCDEF";
  for (auto n = 0; n < 2000; ++n) {
    std::string plain, written;
    for (auto size = random() % 30; size > 0; --size) {
      const auto c = static_cast<char>(random() % 256);
      const auto code = static_cast<unsigned char>(c);
      plain += c;
      if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
        written += c;
      else if (c == ' ')
        written += '+';
      else
        (((written += '%') += digits[code >> 4]) += digits[code & 15]);
    }
    std::string back;
    append_percent_decoded(back, written, true);
    REQUIRE(back == plain);
  }
}
