#include "storage/redis/redis_log_mirror.hpp"

#include "tests/storage/redis_server.hpp"

#include <catch2/catch.hpp>

#include <chrono>
#include <map>
#include <random>
#include <thread>

using namespace tidemill;
using namespace tidemill::test;

namespace {

/// A rule whose keys fire and are resolved in turn.
struct rule_log {
  std::shared_ptr<view_schema> view = std::make_shared<view_schema>();
  std::shared_ptr<alert_schema> rule = std::make_shared<alert_schema>();
  alert_snapshot log;
  std::map<std::string, alert_entry_ptr> active;

  rule_log() {
    view->name = "v";
    view->columns = {{.name = "k", .of = kind::string, .path = {}}};
    view->by = 1;
    rule->name = "burst";
    rule->view = view;
    log.rule = rule;
    log.epoch = 5;
  }

  void add(int key) {
    auto name = "k" + std::to_string(key);
    alert_entry e;
    e.offset = log.end();
    auto fires = !active.contains(name);
    e.state = fires ? alert_state::firing : alert_state::resolved;
    row r;
    r.columns = {name};
    append_encoded(r.key, r.columns[0]);
    e.data = std::make_shared<const row>(std::move(r));
    e.json = "entry " + std::to_string(e.offset);
    auto made = std::make_shared<const alert_entry>(std::move(e));
    log.log.push_back(made);
    if (fires)
      active[name] = made;
    else
      active.erase(name);
    log.active.clear();
    for (const auto& [k, entry] : active)
      log.active.push_back(entry);
  }

  /// The oldest entries are kept no longer.
  void forget(std::size_t n) {
    log.log.erase(log.log.begin(), log.log.begin() + static_cast<std::ptrdiff_t>(n));
    log.begin += n;
  }
};

std::unique_ptr<log_mirror> mirror_of(const redis_server& s) {
  auto made = make_redis_log_mirror({.url = s.url(), .ttl = std::chrono::hours{1}, .prefix = "tm"});
  if (!made)
    FAIL(made.error().text());
  return std::move(*made);
}

void ok(const status& s) {
  if (!s)
    FAIL(s.error().text());
}

/// What readers see is the log, and what is active.
void check_all(const redis_server& s, const rule_log& l) {
  std::vector<std::string> entries, wanted;
  for (const auto& item : s.ask({"XRANGE", "tm:{burst}:entries", "-", "+"}).items)
    entries.push_back(item.items.at(1).items.at(1).text);
  for (const auto& e : l.log.log)
    wanted.push_back(e->json);
  REQUIRE(entries == wanted);
  std::map<std::string, std::string> active;
  for (const auto& [name, e] : l.active)
    active[name] = e->json;
  REQUIRE(s.hash("tm:{burst}:active") == active);
}

} // namespace

TEST_CASE("entries of a log are appended, once, and the active ones follow") {
  if (!redis_server::installed())
    return;
  redis_server s;
  auto m = mirror_of(s);
  rule_log l;
  CHECK(*m->stored(*l.rule) == std::nullopt);
  for (int i = 0; i < 700; ++i) // several calls
    l.add(i % 400);
  ok(m->append(l.log, 0, true));
  check_all(s, l);
  CHECK(*m->stored(*l.rule) == log_position{5, 700});
  for (int i = 0; i < 3; ++i)
    l.add(i);
  ok(m->append(l.log, 700, false));
  ok(m->append(l.log, 700, false)); // nobody heard the answer
  check_all(s, l);
}

TEST_CASE("entries are not appended to a log that has lost those before them") {
  if (!redis_server::installed())
    return;
  redis_server s;
  auto m = mirror_of(s);
  rule_log l;
  for (int i = 0; i < 10; ++i)
    l.add(i);
  ok(m->append(l.log, 0, true));
  s.ask({"FLUSHALL"});
  l.add(10);
  auto done = m->append(l.log, 10, false);
  REQUIRE(done.has_error());
  CHECK(done.error().code() == errc::unavailable);
  CHECK(*m->stored(*l.rule) == std::nullopt);
  ok(m->append(l.log, 0, true));
  check_all(s, l);
}

TEST_CASE("a log that is emptied while it is written is written again") {
  if (!redis_server::installed())
    return;
  redis_server s;
  auto m = mirror_of(s);
  rule_log l;
  std::mt19937 random{4};
  for (int i = 0; i < 4000; ++i)
    l.add(static_cast<int>(random() % 900));
  l.forget(300); // some of what is active is older than the log
  for (int round = 0; round < 20; ++round) {
    std::thread flusher{[&, wait = random() % 15'000] {
      std::this_thread::sleep_for(std::chrono::microseconds{wait});
      s.ask({"FLUSHALL"});
    }};
    auto done = m->append(l.log, l.log.begin, true);
    flusher.join();
    if (!done)
      REQUIRE(done.error().code() == errc::unavailable);
    auto stored = *m->stored(*l.rule);
    if (!done || !stored)
      ok(m->append(l.log, l.log.begin, true));
    check_all(s, l);
    s.ask({"FLUSHALL"});
  }
}
