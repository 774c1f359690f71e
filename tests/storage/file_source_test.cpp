#include "storage/file/file_source.hpp"

#include "event/hash.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>
#include <unistd.h>

using namespace tidemill;
using namespace std::chrono_literals;

namespace {

class folder {
public:
  folder() {
    static int count = 0;
    path = std::filesystem::temp_directory_path() /
           ("tidemill_file_" + std::to_string(::getpid()) + "_" + std::to_string(count++));
    std::filesystem::create_directories(path);
  }
  ~folder() { std::filesystem::remove_all(path); }
  void write(const std::string& name, std::string_view bytes) const {
    std::ofstream{path / name, std::ios::binary} << bytes;
  }
  std::filesystem::path path;
};

void ok(const status& s) {
  if (!s)
    FAIL(s.error().text());
}

struct seen {
  std::string bytes;
  offset at, end;
  std::string header;
  friend bool operator==(const seen&, const seen&) = default;
};
using record_log = std::vector<std::vector<seen>>;

file_source_settings settings(const folder& f, const std::string& pattern,
                              const std::string& format = "json") {
  file_source_settings s;
  s.name = "clicks";
  s.base = f.path;
  s.path = pattern;
  s.format.name = format;
  s.clock.sleep = [](auto) {};
  return s;
}

std::unique_ptr<record_source> open(file_source_settings s) {
  auto made = make_file_source(std::move(s));
  if (!made)
    FAIL(made.error().text());
  return std::move(*made);
}

partition_id by_hash(const record& r, std::uint32_t n) {
  return partition_id{static_cast<std::uint32_t>(hash64(r.bytes) % n)};
}

std::vector<partition_id> all(const record_source& s) {
  std::vector<partition_id> out;
  for (std::uint32_t p = 0; p < s.partitions(); ++p)
    out.push_back(partition_id{p});
  return out;
}

/// Adds what a poll brought and checks the rules of a batch. Returns how many partitions ended.
std::size_t take(const std::vector<polled>& got, record_log& into, std::vector<offset>& next) {
  std::size_t ends = 0;
  for (const auto& one : got) {
    if (auto* end = std::get_if<polled_end>(&one)) {
      if (end->at != next[to_index(end->partition)])
        FAIL("the end is not where the last batch ended");
      ++ends;
      continue;
    }
    const auto& batch = *std::get<record_batch_ptr>(one);
    auto p = to_index(batch.partition);
    if (batch.begin != next[p] || batch.end < batch.begin)
      FAIL("batch begins at " << batch.begin << ", not at " << next[p]);
    auto last = batch.begin;
    for (const auto& r : batch.records) {
      if (r.at < last || r.end <= r.at || r.end > batch.end)
        FAIL("record " << r.at << " … " << r.end << " in " << batch.begin << " … " << batch.end);
      last = r.end;
      into[p].push_back({std::string{r.bytes}, r.at, r.end, batch.header ? *batch.header : ""});
    }
    next[p] = batch.end;
  }
  return ends;
}

record_log drain(record_source& s, std::size_t max_bytes = 1 << 20) {
  record_log out(s.partitions());
  std::vector<offset> next(s.partitions());
  std::size_t ends = 0;
  for (int polls = 0; ends < s.partitions(); ++polls) {
    std::vector<polled> got;
    if (auto ok = s.poll(all(s), max_bytes, 0ms, got); !ok)
      FAIL(ok.error().text());
    ends += take(got, out, next);
    if (polls > 100'000)
      FAIL("no end in sight");
  }
  return out;
}

std::vector<std::string> texts(const std::vector<seen>& records) {
  std::vector<std::string> out;
  for (const auto& r : records)
    out.push_back(r.bytes);
  return out;
}

std::string random_lines(std::mt19937_64& random, std::size_t lines) {
  std::string out;
  for (std::size_t i = 0; i < lines; ++i) {
    auto length = random() % 20 == 0 ? random() % 3000 : random() % 60;
    for (std::size_t k = 0; k < length; ++k)
      if (auto c = static_cast<char>(random()); c != '\n' && c != '\r')
        out.push_back(c);
    out += random() % 9 == 0 ? "\r\n" : "\n";
  }
  return out;
}

} // namespace

TEST_CASE("each file is a partition, in the order of names") {
  folder f;
  f.write("b.log", "b1\nb2");
  f.write("a.log", "a1\r\n\na3\n");
  f.write("c.txt", "no");
  std::filesystem::create_directory(f.path / "d.log");
  auto s = open(settings(f, "*.log"));
  REQUIRE(s->partitions() == 2);
  CHECK_FALSE(s->has_arrival_times());
  CHECK(s->lag(partition_id{0}) == 8);
  auto got = drain(*s);
  CHECK(got[0] == std::vector<seen>{{"a1", 0, 4, ""}, {"", 4, 5, ""}, {"a3", 5, 8, ""}});
  CHECK(got[1] == std::vector<seen>{{"b1", 0, 3, ""}, {"b2", 3, 5, ""}});
  CHECK(s->lag(partition_id{0}) == 0);
}

TEST_CASE("an end is told once, and again after a seek") {
  folder f;
  f.write("a", "1\n2\n");
  f.write("empty", "");
  auto s = open(settings(f, "*"));
  std::vector<polled> got;
  ok(s->poll(all(*s), 100, 0ms, got));
  CHECK(got.size() == 3);
  got.clear();
  ok(s->poll(all(*s), 100, 0ms, got));
  CHECK(got.empty());
  ok(s->seek(partition_id{0}, 4));
  ok(s->poll(all(*s), 100, 0ms, got));
  REQUIRE(got.size() == 1);
  CHECK(std::get<polled_end>(got[0]).at == 4);
}

TEST_CASE("a pattern without a match names pattern and folder") {
  folder f;
  auto made = make_file_source(settings(f, "*.log"));
  REQUIRE(made.has_error());
  CHECK(made.error().code() == errc::config_invalid);
  CHECK(made.error().text().find("*.log") != std::string::npos);
  CHECK(made.error().text().find(f.path.string()) != std::string::npos);
}

TEST_CASE("signs in the folder's name are no pattern") {
  folder f;
  std::filesystem::create_directory(f.path / "[a]*");
  f.write("[a]*/x", "1\n");
  auto s = settings(f, "x");
  s.base = f.path / "[a]*";
  CHECK(texts(drain(*open(s))[0]) == std::vector<std::string>{"1"});
}

TEST_CASE("the header of each CSV file is no record and travels with the batches") {
  folder f;
  f.write("a.csv", "\xef\xbb\xbfx,y\r\n1,\"a\nb\"\n2,c");
  f.write("b.csv", "x;z\n");
  f.write("c.csv", "");
  f.write("d.csv", "q\n7\n");
  auto whole = drain(*open(settings(f, "*.csv", "csv")));
  CHECK(whole[0] == std::vector<seen>{{"1,\"a\nb\"", 8, 16, "x,y"}, {"2,c", 16, 19, "x,y"}});
  CHECK(whole[1].empty());
  CHECK(whole[3] == std::vector<seen>{{"7", 2, 4, "q"}});

  auto one = settings(f, "*.csv", "csv");
  std::vector<std::string> headers;
  one.partition_by = [&](const record&, const auto& header) {
    headers.push_back(*header);
    return partition_id{};
  };
  auto shared = drain(*open(one));
  CHECK(shared[0] ==
        std::vector<seen>{{"1,\"a\nb\"", 8, 16, "x,y"}, {"2,c", 16, 19, "x,y"}, {"7", 25, 27, "q"}});
  CHECK(headers == std::vector<std::string>{"x,y", "x,y", "q"});
  one.format.header = false;
  one.partition_by = [](const record&, const auto& header) {
    if (header)
      FAIL("a header where there is none");
    return partition_id{};
  };
  CHECK(drain(*open(one))[0].size() == 6);
}

TEST_CASE("a record too long for memory is cut, and the next one is whole") {
  folder f;
  auto long_line = std::string(700'000, 'x');
  f.write("a", "1\n" + long_line + "\n2\n" + long_line + "\n" + long_line);
  auto s = settings(f, "a");
  s.format.max_record = 1000;
  auto got = drain(*open(s))[0];
  REQUIRE(got.size() == 5);
  CHECK(got[1].bytes == long_line.substr(0, 1001));
  CHECK(got[1].end == 700'003);
  CHECK(got[2] == seen{"2", 700'003, 700'005, ""});
  CHECK(got[4].end == 2'100'006);
  for (const auto& r : got) {
    auto again = open(s);
    ok(again->seek(partition_id{0}, r.at));
    std::vector<polled> out;
    while (out.empty())
      ok(again->poll(all(*again), 1, 0ms, out));
    CHECK(std::get<record_batch_ptr>(out[0])->records[0].bytes == r.bytes);
  }
}

TEST_CASE("a seek to any record gives the identical tail") {
  std::mt19937_64 random{7};
  folder f;
  f.write("a", random_lines(random, 300) + "tail");
  f.write("b", random_lines(random, 50));
  auto s = settings(f, "?");
  s.format.max_record = 2000;
  SECTION("whole files") {}
  SECTION("partitioned") {
    s.partitions = 3;
    s.partition_by = [](const record& r, const auto&) { return by_hash(r, 3); };
  }
  auto source = open(s);
  auto full = drain(*source);
  for (std::uint32_t p = 0; p < source->partitions(); ++p)
    for (std::size_t i = 0; i < full[p].size(); i += 1 + random() % 3) {
      ok(source->seek(partition_id{p}, full[p][i].at));
      record_log tail(source->partitions());
      std::vector<offset> next(source->partitions());
      next[p] = full[p][i].at;
      for (std::size_t ends = 0; ends == 0;) {
        std::vector<polled> got;
        ok(source->poll(all(*source), 1 + random() % 5000, 0ms, got));
        ends = take(got, tail, next);
      }
      if (!std::equal(full[p].begin() + static_cast<std::ptrdiff_t>(i), full[p].end(), tail[p].begin(),
                      tail[p].end()))
        FAIL("partition " << p << " from record " << i);
    }
}

TEST_CASE("partitions get what a naive split gives them, with any credit and any seeks") {
  std::mt19937_64 random{11};
  for (int round = 0; round < 20; ++round) {
    folder f;
    std::string content;
    for (const auto* name : {"a", "b", "c"}) {
      auto lines = random_lines(random, random() % 1500);
      f.write(name, lines);
      content += lines;
    }
    auto n = static_cast<std::uint32_t>(1 + random() % 5);
    record_log expected(n);
    for (std::size_t at = 0; at < content.size();) {
      auto end = content.find('\n', at) + 1;
      auto length = end - at - 1;
      if (length > 0 && content[at + length - 1] == '\r')
        --length;
      seen r{content.substr(at, length), at, end, ""};
      expected[to_index(by_hash({.bytes = r.bytes, .at = 0, .end = 0, .arrival = {}}, n))].push_back(r);
      at = end;
    }
    auto s = settings(f, "?");
    s.partitions = n;
    s.partition_by = [n](const record& r, const auto&) { return by_hash(r, n); };
    auto source = open(s);
    record_log got(n);
    std::vector<offset> next(n);
    std::vector<bool> ended(n);
    for (int polls = 0; std::find(ended.begin(), ended.end(), false) != ended.end(); ++polls) {
      if (polls > 100'000)
        FAIL("no end in sight");
      std::vector<partition_id> wanted;
      for (std::uint32_t p = 0; p < n; ++p)
        if (random() % 3 != 0)
          wanted.push_back(partition_id{p});
      std::vector<polled> out;
      ok(source->poll(wanted, 1 + random() % 20'000, 0ms, out));
      for (const auto& one : out)
        if (auto* end = std::get_if<polled_end>(&one))
          ended[to_index(end->partition)] = true;
      take(out, got, next);
      if (polls < 40 && random() % 8 == 0) {
        auto p = static_cast<std::uint32_t>(random() % n);
        auto keep = got[p].empty() ? 0 : random() % got[p].size();
        next[p] = keep < got[p].size() ? got[p][keep].at : 0;
        got[p].resize(keep);
        ended[p] = false;
        ok(source->seek(partition_id{p}, next[p]));
      }
    }
    if (got != expected)
      FAIL("round " << round);
  }
}

TEST_CASE("a batch holds about as many bytes as asked for, whatever lies between its records") {
  folder f;
  std::string content;
  for (int i = 0; i < 20'000; ++i)
    content.append(100, i % 50 == 0 ? 'a' : 'b').push_back('\n');
  f.write("x", content);
  auto s = settings(f, "x");
  s.partitions = 2;
  s.partition_by = [](const record& r, const auto&) { return partition_id{r.bytes[0] == 'a' ? 0u : 1u}; };
  auto source = open(s);
  record_log got(2);
  std::vector<offset> next(2);
  for (int i = 0; i < 3; ++i) {
    std::vector<polled> out;
    ok(source->poll(all(*source), 10'000, 0ms, out));
    for (const auto& one : out)
      CHECK(std::get<record_batch_ptr>(one)->bytes <= 10'100);
    take(out, got, next);
  }
  // Those without credit don't hold up the others.
  std::vector<polled> out;
  for (bool ended = false; !ended;) {
    out.clear();
    ok(source->poll({partition_id{0}}, 1'000, 0ms, out));
    for (const auto& one : out)
      ended = ended || std::holds_alternative<polled_end>(one);
    take(out, got, next);
  }
  CHECK(got[0].size() == 400);
  CHECK(got[1].size() < 400);
}

TEST_CASE("a file that changes under a finite source is a final error that names it") {
  folder f;
  f.write("a", "one\ntwo\nthree\n");
  auto s = settings(f, "a");
  if (GENERATE(true, false)) {
    s.partitions = 2;
    s.partition_by = [](const record& r, const auto&) { return by_hash(r, 2); };
  }
  auto source = open(s);
  std::string expected;
  SECTION("shrank") {
    f.write("a", "one\n");
    expected = "shrank";
  }
  SECTION("vanished") {
    std::filesystem::remove(f.path / "a");
    expected = "vanished";
  }
  SECTION("replaced") {
    f.write("b", "other bytes\n\n");
    std::filesystem::rename(f.path / "b", f.path / "a");
    expected = "replaced";
  }
  std::vector<polled> out;
  auto polled = source->poll(all(*source), 100, 0ms, out);
  REQUIRE(polled.has_error());
  CHECK(polled.error().code() == errc::mismatch);
  CHECK(polled.error().text().find((f.path / "a").string()) != std::string::npos);
  CHECK(polled.error().text().find(expected) != std::string::npos);
}

TEST_CASE("an offset where no record starts is refused") {
  folder f;
  f.write("a", "one\ntwo\n");
  auto s = open(settings(f, "a"));
  ok(s->seek(partition_id{0}, 4));
  CHECK(s->seek(partition_id{0}, 5).error().code() == errc::mismatch);
  CHECK(s->seek(partition_id{0}, 9).error().code() == errc::out_of_range);
}

TEST_CASE("the identity says which bytes and which partitioning") {
  folder f;
  f.write("a", std::string(300, 'x') + "\n");
  auto plain = open(settings(f, "*"))->identity();
  CHECK(plain == open(settings(f, "*"))->identity());
  auto split = settings(f, "*");
  split.partitions = 2;
  split.partition_text = "user";
  split.partition_by = [](const record& r, const auto&) { return by_hash(r, 2); };
  auto by_user = open(split)->identity();
  CHECK(by_user != plain);
  split.partition_text = "ip";
  CHECK(open(split)->identity() != by_user);
  f.write("a", std::string(301, 'x') + "\n"); // same beginning, longer
  CHECK(open(settings(f, "*"))->identity() == plain);
  f.write("a", std::string(300, 'y') + "\n");
  CHECK(open(settings(f, "*"))->identity() != plain);
}

TEST_CASE("recorded pace: a record is delivered when its time has passed, stragglers at once") {
  folder f;
  f.write("a", "0\n10\n5\n20\n9999\n21\n22\nx\n30\n");
  auto s = settings(f, "a");
  std::chrono::steady_clock::time_point now{};
  std::chrono::milliseconds slept{};
  s.pace = 10;
  s.clock.steady = [&] { return now; };
  s.clock.sleep = [&](auto d) { slept = d; };
  s.time_of = [](const record& r, const auto&) -> std::optional<event_time> {
    if (r.bytes == "x")
      return std::nullopt;
    return event_time{std::chrono::seconds{std::stoi(std::string{r.bytes})}};
  };
  auto source = open(s);
  record_log got(1);
  std::vector<offset> next(1);
  auto poll_at = [&](std::chrono::milliseconds at) {
    now = std::chrono::steady_clock::time_point{at};
    std::vector<polled> out;
    ok(source->poll(all(*source), 1000, 1000ms, out));
    auto ends = take(out, got, next);
    return std::pair{got[0].size(), ends};
  };
  CHECK(poll_at(0ms).first == 1);
  CHECK(poll_at(100ms).first == 1);
  CHECK(slept == 400ms); // "5" is out of order: "10" goes with it
  CHECK(poll_at(500ms).first == 3);
  CHECK(poll_at(1999ms).first == 3);
  CHECK(poll_at(2000ms).first == 4);
  CHECK(poll_at(2100ms).first == 6); // 9999 waits no longer than what follows it
  CHECK(poll_at(2200ms).first == 8);
  CHECK(poll_at(2999ms) == std::pair<std::size_t, std::size_t>{8, 0});
  CHECK(poll_at(3000ms) == std::pair<std::size_t, std::size_t>{9, 1});
  ok(source->seek(partition_id{0}, 2));
  next[0] = 2;
  CHECK(poll_at(3000ms) == std::pair<std::size_t, std::size_t>{17, 1});
}

TEST_CASE("settings that exclude each other are refused") {
  folder f;
  f.write("a", "1\n");
  auto s = settings(f, "a");
  s.pace = 1;
  CHECK(make_file_source(s).error().code() == errc::config_invalid);
  s.pace = 0;
  s.follow = true;
  s.partition_by = [](const record&, const auto&) { return partition_id{}; };
  CHECK(make_file_source(s).error().code() == errc::config_invalid);
}
