#include "tests/event/decode_support.hpp"

#include <catch2/catch.hpp>

#include <random>

using namespace tidemill;
using namespace tidemill::test;

namespace {

format_options format(const std::string& name, std::size_t max_record = 1 << 20) {
  format_options options;
  options.name = name;
  options.max_record = max_record;
  return options;
}

std::vector<std::string> split(const format_options& options, std::string_view text) {
  return records_of(options, text);
}

using list = std::vector<std::string>;

// The same text, but handed over as it comes out of reads of random sizes.
list split_in_reads(const format_options& options, std::string_view text, std::mt19937_64& random) {
  framer frames{options};
  list all;
  std::string buffer;
  for (bool at_end = false; !at_end;) {
    auto n = std::min<std::size_t>(text.size(), random() % 12);
    buffer += text.substr(0, n);
    text.remove_prefix(n);
    at_end = text.empty();
    while (auto cut = frames.next(buffer, at_end)) {
      all.push_back(buffer.substr(0, cut->content));
      buffer.erase(0, cut->total);
    }
  }
  return all;
}

} // namespace

TEST_CASE("a record ends at a line feed, and a carriage return before it belongs to the line end") {
  CHECK(split(format("json"), "a\nb\r\n\nc\rd\n") == list{"a", "b", "", "c\rd"});
}

TEST_CASE("nothing is framed before its line end is there, unless the file ends") {
  framer frames{format("json")};
  CHECK_FALSE(frames.next("abc", false));
  CHECK_FALSE(frames.next("", true));
  auto cut = frames.next("abc", true);
  REQUIRE(cut);
  CHECK(cut->content == 3);
  CHECK(cut->total == 3);
  cut = frames.next("abc\r\nx", false);
  REQUIRE(cut);
  CHECK(cut->content == 3);
  CHECK(cut->total == 5);
}

TEST_CASE("a line end inside of CSV quotes doesn't end the record") {
  CHECK(split(format("csv"), "a,\"b\nc\",d\r\n\"x\"\"\n\"\n1\n") == list{"a,\"b\nc\",d", "\"x\"\"\n\"", "1"});
  CHECK(split(format("json"), "\"b\nc\"\n") == list{"\"b", "c\""});
}

TEST_CASE("a quote that doesn't start a CSV cell opens nothing") {
  CHECK(split(format("csv"), "5\" pipe,x\n7\n") == list{"5\" pipe,x", "7"});
}

TEST_CASE("a quote behind the byte order mark of a file starts a cell") {
  CHECK(split(format("csv"), "\xEF\xBB\xBF\"a\nb\"\n1\n") == list{"\xEF\xBB\xBF\"a\nb\"", "1"});
}

TEST_CASE("cells of CSV are told apart by the configured delimiter") {
  auto options = format("csv");
  options.delimiter = ';';
  CHECK(split(options, "a;\"b\n\"\n,\"c\n") == list{"a;\"b\n\"", ",\"c"});
}

TEST_CASE("a CSV quote that never closes costs its line and not the rest of the file") {
  CHECK(split(format("csv"), "1,\"a\n2,b\n3,c\n") == list{"1,\"a", "2,b", "3,c"});
  std::string lines;
  for (int i = 0; i < 100; ++i)
    lines += "row\n";
  auto found = split(format("csv", 16), "1,\"a\n" + lines + "\"end\"\n");
  REQUIRE(found.size() == 102);
  CHECK(found[0] == "1,\"a");
  CHECK(found[1] == "row");
}

TEST_CASE("a quoted CSV record of exactly the limit is kept whole") {
  auto record = "\"" + std::string(5, '\n') + "\"";
  CHECK(split(format("csv", 7), record + "\n1\n") == list{record, "1"});
  CHECK(split(format("csv", 7), record + "\r\n1\n") == list{record, "1"});
  CHECK(split(format("csv", 4), record + "\n1\n").size() == 7);
}

TEST_CASE("a largest possible limit is no limit") {
  CHECK(split(format("csv", std::string::npos), "\"a\nb\"\n1\n") == list{"\"a\nb\"", "1"});
}

TEST_CASE("records don't depend on how the file was read") {
  std::mt19937_64 random{20250118};
  constexpr std::string_view letters = "ab,\"\"\n\n\r;";
  for (int i = 0; i < 3000; ++i) {
    std::string text;
    for (auto n = random() % 60; n > 0; --n)
      text += letters[random() % letters.size()];
    auto options = format(i % 2 == 0 ? "csv" : "json", i % 3 == 0 ? 8 : 1000);
    auto whole = split(options, text), pieces = split_in_reads(options, text, random);
    if (whole != pieces)
      FAIL("seed step " << i << ": " << text);
  }
}

TEST_CASE("no byte is lost between records") {
  std::mt19937_64 random{7};
  constexpr std::string_view letters = "a,\"\n\r";
  for (int i = 0; i < 3000; ++i) {
    std::string text;
    for (auto n = random() % 40; n > 0; --n)
      text += letters[random() % letters.size()];
    framer frames{format("csv", 10)};
    std::string joined;
    std::string_view rest = text;
    while (auto cut = frames.next(rest, true)) {
      if (cut->total == 0 || cut->content > cut->total || cut->total > rest.size())
        FAIL("seed step " << i);
      joined += rest.substr(0, cut->total);
      rest.remove_prefix(cut->total);
    }
    if (joined != text)
      FAIL("seed step " << i << ": " << text);
  }
}
