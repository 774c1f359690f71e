#include "storage/log/dead_letter.hpp"

#include "storage/file/line_writer.hpp"
#include "storage/log/dead_letter_log.hpp"
#include "storage/log/replayed_letters.hpp"
#include "storage/log/segment_file.hpp"
#include "storage/log/segment_log.hpp"
#include "storage/log/segment_reader.hpp"
#include "tests/storage/disk_fixture.hpp"

#include <catch2/catch.hpp>

#include <random>
#include <set>

using namespace tidemill;
using namespace tidemill::test;
using std::chrono::seconds;

namespace {

constexpr event_id some_id{partition_id{3}, 4711, 1};

dead_letter read(const std::string& json) {
  auto l = read_letter({9, "hits.dead", some_id, std::nullopt, json});
  REQUIRE(l.has_value());
  return *l;
}

std::vector<std::string> records_of(const std::filesystem::path& folder) {
  std::vector<std::string> all;
  auto ok = read_segments(folder, [&](std::uint64_t position, std::string_view bytes) {
    CHECK((all.empty() || position > 0));
    all.emplace_back(bytes);
    return true;
  });
  INFO((ok ? "" : ok.error().text()));
  REQUIRE(ok.has_value());
  return all;
}

} // namespace

TEST_CASE("a letter is stored with the time when it was written, and one without is read all the same") {
  stored_letter l{0, "hits.dead", some_id, event_time{seconds{1000}}, "{}"};
  for (auto written : {l.written, std::optional<event_time>{}}) {
    l.written = written;
    auto bytes = encode_letter(l);
    auto back = decode_letter(bytes);
    REQUIRE(back.has_value());
    CHECK(back->stream == "hits.dead");
    CHECK(back->id == some_id);
    CHECK(back->written == written);
    CHECK(back->json == "{}");
    for (std::size_t cut = 0; cut + 2 < bytes.size(); ++cut)
      CHECK_FALSE(decode_letter(std::string_view{bytes}.substr(0, cut)));
  }
  CHECK_FALSE(decode_letter(std::string_view{"\0\7x", 3}));
}

TEST_CASE("a letter is taken apart, with bytes that are no text") {
  auto l = read(
      R"({"stream":"hits.dead","source":"clicks","partition":3,"offset":4711,"step":"decode","code":2000,)"
      R"("reason":"no","event_time":"1970-01-01T00:16:40Z","received":"1970-01-01T00:16:41Z",)"
      R"("key_base64":"AP8=","headers":[{"name":"a","value":"b"},{"name":"n","value":null},)"
      R"({"name_base64":"/g==","value_base64":"/Q=="}],"raw":"x\ny"})");
  CHECK(l.place() == "clicks/3/4711");
  CHECK(l.code == 2000);
  CHECK(l.event_at == event_time{seconds{1000}});
  CHECK(l.received == event_time{seconds{1001}});
  CHECK(l.at() == l.received);
  CHECK(l.has_meta);
  CHECK(l.key == std::string{"\0\xff", 2});
  REQUIRE(l.headers.size() == 3);
  CHECK(l.headers[0] == std::pair{std::string{"a"}, std::optional<std::string>{"b"}});
  CHECK_FALSE(l.headers[1].second);
  CHECK(l.headers[2] == std::pair{std::string{"\xfe"}, std::optional<std::string>{"\xfd"}});
  CHECK(l.value == "x\ny");
  auto bare = read(R"({"source":"s","step":"decode","code":1,"reason":"r","raw":null})");
  CHECK_FALSE(bare.has_meta);
  CHECK_FALSE(bare.value);
  auto no_key =
      read(R"({"source":"s","step":"decode","code":1,"reason":"r","key":null,"headers":[],"raw_base64":""})");
  CHECK(no_key.has_meta);
  CHECK_FALSE(no_key.key);
  CHECK(no_key.value == "");
  for (const char* wrong : {"", "{}", "[]", R"({"source":1,"step":"","code":1,"reason":"","raw":""})",
                            R"({"source":"","step":"","code":1,"reason":"","raw_base64":"?"})",
                            R"({"source":"","step":"","code":1,"reason":"","raw":"","key":"k","headers":3})"})
    CHECK(read_letter({9, "s", some_id, std::nullopt, wrong}).error().code() == errc::corrupt);
}

TEST_CASE("the log notes when each letter was written") {
  temporary_folder folder;
  auto log = dead_letter_log::open(folder.path(), 1 << 20, [] { return event_time{seconds{77}}; });
  REQUIRE(log.has_value());
  dead_letter_sink sink{*log, "hits.dead"};
  REQUIRE(sink.write({partition_id{3}, 5, {{some_id, "{}", {}, {}}}, 0}).has_value());
  auto records = records_of(folder.path()); // while it is open
  REQUIRE(records.size() == 1);
  CHECK(decode_letter(records[0])->written == event_time{seconds{77}});
  CHECK((*log)->newest("hits.dead", 1) == std::vector<std::string>{"{}"});
}

TEST_CASE("a log is read while it grows, across segments, and a torn tail ends it unharmed") {
  temporary_folder folder;
  auto log = segment_log::open(folder.path(), {.segment_bytes = 200});
  REQUIRE(log.has_value());
  std::vector<std::string> written;
  for (int i = 0; i < 50; ++i) {
    written.push_back(std::string(static_cast<std::size_t>(i), 'x') + std::to_string(i));
    REQUIRE((*log)->append(written.back()).has_value());
    REQUIRE(records_of(folder.path()) == written);
  }
  auto last = folder.path() / segment_name((*log)->segments().back());
  auto whole = std::filesystem::file_size(last);
  std::filesystem::resize_file(last, whole - 1);
  written.pop_back();
  CHECK(records_of(folder.path()) == written);
  CHECK(std::filesystem::file_size(last) == whole - 1);
}

TEST_CASE("damage before later segments is told, segments that retention took are not missed") {
  temporary_folder folder;
  auto log = segment_log::open(folder.path(), {.segment_bytes = 100});
  REQUIRE(log.has_value());
  for (int i = 0; i < 20; ++i)
    REQUIRE((*log)->append(std::to_string(i)).has_value());
  REQUIRE((*log)->drop_below((*log)->segments()[1]).has_value());
  CHECK(records_of(folder.path()).back() == "19");
  auto first = folder.path() / segment_name((*log)->segments().front());
  std::fstream{first, std::ios::in | std::ios::out | std::ios::binary}.seekp(40).write("\xff\xff", 2);
  auto read = read_segments(folder.path(), [](std::uint64_t, std::string_view) { return true; });
  REQUIRE_FALSE(read.has_value());
  CHECK(read.error().code() == errc::corrupt);
  CHECK(read.error().text().find("is damaged") != std::string::npos);
}

TEST_CASE("what was replayed is remembered per stream, whatever was chosen in between") {
  temporary_folder folder;
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    std::mt19937_64 random{seed};
    // Letters of two streams, mixed; some of them replayed, round after round.
    std::vector<std::string> streams;
    for (int i = 0; i < 60; ++i)
      streams.push_back(random() % 3 == 0 ? "a" : "b");
    std::filesystem::remove(folder.path() / "REPLAYED");
    std::set<std::uint64_t> expected;
    for (int round = 0; round < 6; ++round) {
      auto r = replayed_letters::open(folder.path());
      REQUIRE(r.has_value());
      std::map<std::string, std::uint64_t> previous;
      for (std::uint64_t p = 0; p < streams.size(); ++p) {
        auto before = previous.contains(streams[p]) ? std::optional{previous[streams[p]]} : std::nullopt;
        previous[streams[p]] = p;
        if (random() % 4 == 0)
          expected.insert(p);
        if (expected.contains(p))
          r->add(streams[p], p, before);
      }
      REQUIRE(r->save().has_value());
      auto again = replayed_letters::read(folder.path());
      REQUIRE(again.has_value());
      for (std::uint64_t p = 0; p < streams.size(); ++p)
        if (again->contains(streams[p], p) != expected.contains(p))
          FAIL("seed " << seed << ", round " << round << ", position " << p);
    }
  }
}

TEST_CASE("one replay at a time, a damaged memory is told, a forgotten one is small") {
  temporary_folder folder;
  {
    auto one = replayed_letters::open(folder.path());
    REQUIRE(one.has_value());
    auto other = replayed_letters::open(folder.path());
    REQUIRE_FALSE(other.has_value());
    CHECK(other.error().code() == errc::locked);
    one->add("s", 5, std::nullopt);
    one->add("s", 7, 5);
    one->add("s", 9, 8);
    CHECK(one->contains("s", 6)); // of another stream, and nobody asks
    one->forget_below(8);
    CHECK_FALSE(one->contains("s", 7));
    CHECK(one->contains("s", 9));
    CHECK_FALSE(one->contains("t", 9));
    REQUIRE(one->save().has_value());
  }
  std::ofstream{folder.path() / "REPLAYED", std::ios::app} << "x";
  CHECK(replayed_letters::read(folder.path()).error().code() == errc::corrupt);
}

TEST_CASE("records become lines at the end of a file, what can't be a line is unwritten") {
  temporary_folder folder;
  auto path = folder.path() / "out";
  std::ofstream{path} << "first\n";
  for (auto breaks : {false, true}) {
    auto w = make_line_writer(path, breaks);
    REQUIRE(w.has_value());
    for (std::optional<std::string_view> value : {std::optional<std::string_view>{"a"}, {}, {"b\nc"}, {""}}) {
      returning_record r;
      r.value = value;
      REQUIRE((*w)->write(r).has_value());
    }
    std::vector<unwritten_record> unwritten;
    REQUIRE((*w)->flush(unwritten).has_value());
    REQUIRE(unwritten.size() == (breaks ? 1 : 2));
    CHECK(unwritten[0].number == 1);
    if (!breaks)
      CHECK(unwritten[1].number == 2);
  }
  CHECK(read_file(path, 1000).value() == "first\na\n\na\nb\nc\n\n");
}
