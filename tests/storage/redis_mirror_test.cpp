#include "storage/redis/redis_connection.hpp"
#include "storage/redis/redis_keys.hpp"
#include "storage/redis/redis_mirror.hpp"
#include "storage/redis_url.hpp"
#include "tests/storage/redis_server.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <random>
#include <thread>

using namespace tidemill;
using namespace tidemill::test;
using namespace std::chrono_literals;
using Catch::Contains;

namespace {

const std::shared_ptr<const view_schema> traffic = [] {
  view_schema s;
  s.name = "traffic";
  s.columns = {{.name = "country", .of = {kind::string, true}, .path = {}},
               {.name = "requests", .of = kind::integer, .path = {}},
               {.name = "e", .of = {kind::real, true}, .path = {}}};
  s.by = 1;
  return std::make_shared<const view_schema>(std::move(s));
}();

event_time at(int minute) {
  return event_time{std::chrono::minutes{minute}};
}

/// A view as a publisher would keep it, small and slow.
class publisher {
public:
  explicit publisher(std::uint64_t epoch) : epoch_(epoch) {}
  void put(int minute, const std::string& country, std::int64_t requests) {
    row r{.window_start = at(minute - 1),
          .window_end = at(minute),
          .key = {},
          .columns = {country, requests, 0.5}};
    append_encoded(r.key, r.columns[0]);
    auto json = std::make_shared<const std::string>(to_json(*traffic, r));
    rows_[{minute, country}] = {std::make_shared<const row>(std::move(r)), ++offset_, false, json};
  }
  void remove(int minute, const std::string& country) {
    auto& r = rows_.at({minute, country});
    r.removed = true;
    r.changed = ++offset_;
  }
  void trim(int minute) {
    trimmed_ = at(minute);
    trimmed_at_ = ++offset_;
    std::erase_if(rows_, [&](const auto& r) { return r.second.data->window_end <= trimmed_; });
  }
  [[nodiscard]] view_snapshot snapshot() const {
    view_snapshot s;
    s.schema = traffic;
    s.epoch = epoch_;
    s.offset = offset_;
    s.trimmed = trimmed_;
    s.trimmed_at = trimmed_at_;
    s.watermark = at(60);
    auto block = std::make_shared<row_block>();
    for (const auto& [id, r] : rows_)
      block->rows.push_back(r);
    block->changed = offset_;
    s.blocks.push_back(block);
    return s;
  }
  /// What changed since `since`; zero: all rows.
  [[nodiscard]] changes since(std::uint64_t since) const {
    changes c{.epoch = epoch_,
              .offset = offset_,
              .recovered = since > 0,
              .put = {},
              .removed = {},
              .trim = trimmed_};
    for (const auto& [id, r] : rows_)
      if (r.changed > since && !(since == 0 && r.removed))
        (r.removed ? c.removed : c.put).push_back(r);
    return c;
  }
  status write(view_mirror& m, std::uint64_t since) const { return m.apply(snapshot(), this->since(since)); }
  [[nodiscard]] std::uint64_t offset() const { return offset_; }
  /// What Redis should show: country → json of its newest row.
  [[nodiscard]] std::map<std::string, std::string> newest() const {
    std::map<std::string, std::string> out;
    for (const auto& [id, r] : rows_)
      if (!r.removed)
        out[id.second] = *r.json;
    return out;
  }

private:
  std::uint64_t epoch_, offset_ = 0, trimmed_at_ = 0;
  event_time trimmed_ = time_min;
  std::map<std::pair<int, std::string>, published_row> rows_;
};

std::unique_ptr<view_mirror> mirror_of(const redis_server& s, bool series = false) {
  auto made = make_redis_mirror({.url = s.url(), .ttl = 1h, .prefix = "tm", .series = series});
  if (!made)
    FAIL(made.error().text());
  return std::move(*made);
}

void ok(const status& s) {
  if (!s)
    FAIL(s.error().text());
}

/// What readers see: the list of keys and their rows.
std::map<std::string, std::string> shown(const redis_server& s) {
  std::map<std::string, std::string> out;
  for (const auto& key : s.list({"ZRANGE", "tm:{traffic}:keys", "0", "-1"}))
    out[key] = s.ask({"HGET", "tm:{traffic:" + key + "}:current", "json"}).text;
  return out;
}

} // namespace

TEST_CASE("urls of Redis are read, faults are told without secrets") {
  auto a = parse_redis_url("redis://:p%40ss@cache.example:7000/3");
  REQUIRE(!a.has_error());
  CHECK(a->host == "cache.example");
  CHECK(a->port == 7000);
  CHECK(a->database == 3);
  CHECK(a->password == "p@ss");
  CHECK(a->shown() == "cache.example:7000");
  CHECK(parse_redis_url("redis://")->port == 6379);
  CHECK(parse_redis_url("redis://u:p@[::1]:7/1")->host == "::1");
  CHECK(parse_redis_url("redis://u:p@[::1]:7/1")->user == "u");
  CHECK(parse_redis_url("unix:///run/redis.sock?db=2")->database == 2);
  for (const auto* wrong :
       {"", "localhost", "redis://h:0", "redis://h:65536", "redis://h:x", "redis://h/x", "rediss://h",
        "redis://user@h", "redis://:secret%zz@h", "redis://[::1", "unix://x", "redis://:secret@h:y"}) {
    auto got = parse_redis_url(wrong);
    INFO(wrong);
    REQUIRE(got.has_error());
    CHECK(got.error().code() == errc::config_invalid);
    CHECK(got.error().text().find("secret") == std::string::npos);
  }
}

TEST_CASE("key texts are readable, distinct and bounded") {
  view_schema s;
  s.by = 2;
  s.columns = {{.name = "a", .of = {kind::string, true}, .path = {}},
               {.name = "b", .of = kind::dyn, .path = {}}};
  auto text = [&](value a, value b) {
    row r;
    r.columns = {std::move(a), std::move(b)};
    for (const auto& c : r.columns)
      append_encoded(r.key, c);
    auto whole = key_text(s, r);
    r.columns.clear(); // a removed row may have its key only
    CHECK(key_text(s, r) == whole);
    return whole;
  };
  CHECK(text("DE", 5) == "DE|5");
  CHECK(text("a|b", "c d") == "a%7Cb|\"c%20d\"");
  CHECK(text("}{%", "5") == "%7D%7B%25|\"5\"");
  CHECK(text(value{}, "") == "%null|\"\"");
  CHECK(text("", value{}) == "|%null");
  CHECK(text("\xc3\xbc", 1) == "\xc3\xbc|1");
  auto long_one = text(std::string(1000, 'x'), 1), other = text(std::string(1000, 'x'), 2);
  CHECK(long_one.size() < 250);
  CHECK(long_one != other);
}

TEST_CASE("rows appear as hashes with their fields, and replays change nothing") {
  if (!redis_server::installed())
    return;
  redis_server s;
  auto m = mirror_of(s);
  publisher p{7};
  p.put(1, "DE", 5);
  p.put(2, "DE", 6);
  p.put(1, "a b", 1);
  CHECK(*m->stored_epoch(*traffic) == 0);
  CHECK(*m->stored_offset(p.snapshot()) == 0);
  ok(p.write(*m, 0));
  auto de = s.hash("tm:{traffic:DE}:current");
  CHECK(de["e"] == "7"); // not the column of that name
  CHECK(de["o"] == "3");
  CHECK(de["requests"] == "6");
  CHECK(de["country"] == "DE");
  CHECK(de["window_end"] == "1970-01-01T00:02:00Z");
  CHECK(de["state"] == "open");
  CHECK_THAT(de["json"], Contains("\"requests\":6"));
  CHECK(s.hash("tm:{traffic:a%20b}:current")["requests"] == "1");
  CHECK(s.ask({"PTTL", "tm:{traffic:DE}:current"}).integer > 3'000'000);
  CHECK(*m->stored_epoch(*traffic) == 7);
  CHECK(*m->stored_offset(p.snapshot()) == 3);
  auto meta = s.hash("tm:{traffic}:meta");
  CHECK(meta["watermark"] == "1970-01-01T01:00:00Z");

  auto before = p.offset();
  p.put(1, "DE", 50); // an older window
  p.put(2, "FR", 1);
  ok(p.write(*m, before));
  CHECK(s.hash("tm:{traffic:DE}:current")["requests"] == "6");
  CHECK(shown(s) == std::map<std::string, std::string>{
                        {"DE", p.newest()["DE"]}, {"FR", p.newest()["FR"]}, {"a%20b", p.newest()["a b"]}});
  s.ask({"DEL", "tm:{traffic:FR}:current"}); // a replay of what Redis has changes nothing …
  s.ask({"HSET", "tm:{traffic:DE}:current", "requests", "66"});
  ok(p.write(*mirror_of(s), 0));
  CHECK(s.hash("tm:{traffic:DE}:current")["requests"] == "66");
  CHECK(s.hash("tm:{traffic:FR}:current")["requests"] == "1"); // … but what it lost comes back
}

TEST_CASE("a removed window gives way to the newest one left, the last one to nothing") {
  if (!redis_server::installed())
    return;
  redis_server s;
  auto m = mirror_of(s, true);
  publisher p{7};
  p.put(1, "DE", 1);
  p.put(2, "DE", 2);
  p.put(3, "DE", 3);
  p.put(3, "FR", 3);
  ok(p.write(*m, 0));
  CHECK(s.ask({"ZCARD", "tm:{traffic:DE}:series"}).integer == 3);
  auto before = p.offset();
  p.remove(3, "DE");
  p.remove(1, "DE");
  ok(p.write(*m, before));
  CHECK(s.hash("tm:{traffic:DE}:current")["requests"] == "2");
  CHECK(s.ask({"ZCARD", "tm:{traffic:DE}:series"}).integer == 1);
  before = p.offset();
  p.remove(2, "DE");
  ok(p.write(*m, before));
  CHECK(s.hash("tm:{traffic:DE}:current").count("json") == 0);
  CHECK(s.ask({"EXISTS", "tm:{traffic:DE}:series"}).integer == 0);
  CHECK(shown(s) == std::map<std::string, std::string>{{"FR", p.newest()["FR"]}});
  before = p.offset();
  p.put(4, "FR", 4);
  p.trim(3);
  ok(p.write(*m, before));
  CHECK(s.list({"ZRANGE", "tm:{traffic:FR}:series", "0", "-1"}) ==
        std::vector<std::string>{p.newest()["FR"]});
  before = p.offset();
  p.trim(4);
  ok(p.write(*m, before));
  CHECK(shown(s).empty());
}

TEST_CASE("a writer of a lower epoch is refused for ever") {
  if (!redis_server::installed())
    return;
  redis_server s;
  publisher old{7}, fresh{8};
  old.put(1, "DE", 1);
  old.put(9, "XX", 1);
  auto zombie = mirror_of(s);
  ok(old.write(*zombie, 0));
  fresh.put(1, "DE", 2);
  auto m = mirror_of(s);
  CHECK(*m->stored_offset(fresh.snapshot()) == 0);
  ok(fresh.write(*m, 0));
  CHECK(shown(s) == std::map<std::string, std::string>{{"DE", fresh.newest()["DE"]}}); // XX is of the past
  auto before = old.offset();
  old.put(2, "DE", 3);
  auto refused = old.write(*zombie, before);
  REQUIRE(refused.has_error());
  CHECK(refused.error().code() == errc::refused);
  CHECK_THAT(refused.error().text(), Contains("newer epoch"));
  CHECK(old.write(*zombie, 0).error().code() == errc::refused);
  CHECK(zombie->stored_offset(old.snapshot()).error().code() == errc::refused);
  // Even if it had passed the first question: each key refuses by itself.
  s.ask({"DEL", "tm:{traffic}:meta"});
  CHECK(old.write(*mirror_of(s), 0).error().code() == errc::refused);
  CHECK(s.hash("tm:{traffic:DE}:current")["requests"] == "2");
}

TEST_CASE("a store that lost everything is noticed and filled again") {
  if (!redis_server::installed())
    return;
  redis_server s;
  auto m = mirror_of(s);
  publisher p{7};
  for (int i = 0; i < 1000; ++i)
    p.put(1 + i % 3, "c" + std::to_string(i), i);
  ok(p.write(*m, 0));
  auto before = p.offset();
  p.put(4, "c1", 4);
  SECTION("flushed") {
    s.ask({"FLUSHALL"});
    CHECK(*m->stored_offset(p.snapshot()) == 0);
  }
  SECTION("restarted, scripts forgotten too") {
    s.stop();
    CHECK(p.write(*m, before).error().code() == errc::unavailable);
    CHECK(m->stored_offset(p.snapshot()).error().code() == errc::unavailable);
    CHECK(*m->stored_epoch(*traffic) == 0);
    s.start();
    CHECK(*m->stored_offset(p.snapshot()) == 0);
  }
  auto partly = p.write(*m, before);
  REQUIRE(partly.has_error());
  CHECK(partly.error().code() == errc::unavailable);
  ok(p.write(*m, 0));
  CHECK(*m->stored_offset(p.snapshot()) == p.offset());
  CHECK(shown(s) == p.newest());
}

TEST_CASE("a store that is emptied in the middle of a write is not taken for a full one") {
  if (!redis_server::installed())
    return;
  redis_server s;
  auto m = mirror_of(s, true);
  publisher p{7};
  std::mt19937 random{3};
  for (int i = 0; i < 3000; ++i)
    p.put(1 + i % 3, "c" + std::to_string(i), i);
  std::uint64_t known = 0;
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 300; ++i)
      p.put(10 + round, "c" + std::to_string(random() % 3000), i);
    std::thread flusher{[&, wait = random() % 30'000] {
      std::this_thread::sleep_for(std::chrono::microseconds{wait});
      s.ask({"FLUSHALL"});
    }};
    // All rows now and then; whatever fails is followed by all rows, as the sink does it.
    auto done = p.write(*m, round % 2 == 0 ? 0 : known);
    flusher.join();
    if (!done) {
      REQUIRE(done.error().code() == errc::unavailable);
      CHECK(*m->stored_offset(p.snapshot()) != p.offset());
      ok(p.write(*m, 0));
    } else if (*m->stored_offset(p.snapshot()) == 0) {
      ok(p.write(*m, 0)); // emptied behind it
    }
    known = p.offset();
    REQUIRE(*m->stored_offset(p.snapshot()) == known);
    if (shown(s) != p.newest())
      FAIL("rows are missing in round " << round);
  }
}

TEST_CASE("scripts forgotten within a connection are loaded again") {
  if (!redis_server::installed())
    return;
  redis_server s;
  auto m = mirror_of(s);
  publisher p{7};
  p.put(1, "DE", 1);
  ok(p.write(*m, 0));
  s.ask({"SCRIPT", "FLUSH"});
  auto before = p.offset();
  p.put(2, "DE", 2);
  ok(p.write(*m, before));
  CHECK(shown(s) == p.newest());
}

TEST_CASE("the stream of changes has every change once, under the view's own positions") {
  if (!redis_server::installed())
    return;
  redis_server s;
  auto m = mirror_of(s);
  publisher p{7};
  p.put(1, "DE", 1);
  ok(p.write(*m, 0));
  auto before = p.offset();
  p.put(2, "DE", 2);
  p.put(2, "FR", 3);
  p.remove(1, "DE");
  ok(p.write(*m, before));
  ok(p.write(*m, before)); // a replay
  ok(p.write(*m, p.offset()));
  auto entries = s.ask({"XRANGE", "tm:{traffic}:changes", "-", "+"}).items;
  REQUIRE(entries.size() == 4);
  CHECK(entries[0].items[0].text == "7-1");
  CHECK(entries[0].items[1].items[1].text == "reset");
  CHECK(entries[1].items[0].text == "7-2");
  CHECK(entries[1].items[1].items[1].text == "put");
  CHECK(entries[1].items[1].items[3].text == "DE");
  CHECK(entries[3].items[0].text == "7-4");
  CHECK(entries[3].items[1].items[1].text == "remove");
}

TEST_CASE("what Redis refuses is told with a remedy") {
  if (!redis_server::installed())
    return;
  publisher p{7};
  p.put(1, "DE", 1);
  SECTION("password") {
    redis_server s{{"--requirepass", "right"}};
    auto none = mirror_of(s)->stored_epoch(*traffic);
    REQUIRE(none.has_error());
    CHECK(none.error().code() == errc::refused);
    CHECK_THAT(none.error().text(), Contains("wants a password"));
    auto wrong =
        (*make_redis_mirror({.url = "unix://:wrong@" + s.socket()}))->apply(p.snapshot(), p.since(0));
    REQUIRE(wrong.has_error());
    CHECK(wrong.error().code() == errc::refused);
    CHECK_THAT(wrong.error().text(), Contains("password are wrong"));
    CHECK(wrong.error().text().find(":wrong@") == std::string::npos);
    ok((*make_redis_mirror({.url = "unix://:right@" + s.socket()}))->apply(p.snapshot(), p.since(0)));
  }
  SECTION("no password there") {
    redis_server s;
    auto got = (*make_redis_mirror({.url = "unix://:x@" + s.socket()}))->stored_epoch(*traffic);
    CHECK_THAT(got.error().text(), Contains("leave it out of the url"));
  }
  SECTION("a replica") {
    redis_server s;
    s.ask({"REPLICAOF", "127.0.0.1", "1"});
    auto got = p.write(*mirror_of(s), 0);
    CHECK(got.error().code() == errc::unavailable);
    CHECK_THAT(got.error().text(), Contains("replica"));
  }
  SECTION("out of memory") {
    redis_server s;
    s.ask({"CONFIG", "SET", "maxmemory", "1"});
    auto m = mirror_of(s);
    auto got = p.write(*m, 0);
    REQUIRE(got.has_error());
    CHECK(got.error().code() == errc::unavailable);
    CHECK_THAT(got.error().text(), Contains("maxmemory"));
    s.ask({"CONFIG", "SET", "maxmemory", "0"});
    ok(p.write(*m, 0));
  }
  SECTION("a foreign key in the way") {
    redis_server s;
    s.ask({"SET", "tm:{traffic:DE}:current", "x"});
    auto got = p.write(*mirror_of(s), 0);
    CHECK(got.error().code() == errc::refused);
    CHECK_THAT(got.error().text(), Contains("another prefix"));
  }
  CHECK(redis_error("h:1", "MOVED 1234 10.0.0.1:6379").code() == errc::refused);
}

TEST_CASE("a server that takes the connection and says nothing costs no more than the timeout") {
  if (!redis_server::installed())
    return;
  redis_server s;
  auto made = make_redis_mirror({.url = s.url(), .command_timeout = 100ms});
  ok(s.ask({"PING"}).text == "PONG" ? status{} : status{error{errc::bug, "no answer"}});
  s.ask({"CLIENT", "PAUSE", "1000", "ALL"});
  auto got = (*made)->stored_offset(publisher{1}.snapshot());
  REQUIRE(got.has_error());
  CHECK(got.error().code() == errc::unavailable);
  CHECK_THAT(got.error().text(), Contains("within 100 ms"));
}

TEST_CASE("after any changes, restarts and replays Redis shows the newest row of each key") {
  if (!redis_server::installed())
    return;
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    std::mt19937_64 random{seed};
    redis_server s;
    auto m = mirror_of(s, true);
    publisher p{10 + seed};
    std::uint64_t written = 0;
    std::vector<std::pair<int, std::string>> live;
    auto minute = 1;
    for (int round = 0; round < 60; ++round) {
      for (auto n = random() % 8; n > 0; --n) {
        auto country = "c" + std::to_string(random() % 12);
        auto window = minute + static_cast<int>(random() % 4);
        if (random() % 4 == 0 && !live.empty()) {
          auto which = random() % live.size();
          p.remove(live[which].first, live[which].second);
          live.erase(live.begin() + static_cast<std::ptrdiff_t>(which));
          continue;
        }
        p.put(window, country, static_cast<std::int64_t>(random() % 1000));
        if (std::find(live.begin(), live.end(), std::pair{window, country}) == live.end())
          live.emplace_back(window, country);
      }
      if (random() % 6 == 0) {
        p.trim(minute++);
        std::erase_if(live, [&](const auto& one) { return one.first < minute; });
      }
      switch (random() % 8) {
      case 0: // a new process, another epoch of the same rows is not needed: it asks and starts anew
        m = mirror_of(s, true);
        written = 0;
        break;
      case 1:
        s.ask({"FLUSHALL"});
        break;
      case 2: // a backup of before the last changes
        s.ask({"HSET", "tm:{traffic}:meta", "offset", "1"});
        break;
      default:
        break;
      }
      if (random() % 3 == 0)
        continue;
      if (p.offset() == 0)
        continue;
      if (auto has = m->stored_offset(p.snapshot()); !has || *has != written)
        written = 0;
      ok(p.write(*m, written));
      written = p.offset();
      if (shown(s) != p.newest())
        FAIL("seed " << seed << ", round " << round);
    }
  }
}
