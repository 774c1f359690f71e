// Records without a value, and records that are gone.
#include "pipeline/partition.hpp"
#include "tests/support/make_definition.hpp"

#include <catch2/catch.hpp>

#include <deque>
#include <random>

using namespace tidemill;
using namespace tidemill::test;
using std::chrono::seconds;

namespace {

std::shared_ptr<const plan> plan_with(std::vector<std::pair<std::string, option>> settings = {}) {
  definition d;
  auto source = section(
      {{"format", text_option("json")},
       {"schema", schema_option({{"t", "timestamp_s"}})},
       {"time", section_option({{"field", text_option("t")}, {"out_of_order", time_option(seconds{4})}})}});
  for (auto& [name, value] : settings)
    source.set(name, std::move(value));
  d.sources.push_back({{"log", {}}, "test", std::move(source)});
  d.views.push_back({{"v", {}},
                     section({{"from", text_option("log")},
                              {"window", section_option({{"size", time_option(seconds{10})}})},
                              {"select", pairs_option({{"n", "count()"}})}})});
  std::vector<diagnostic> faults;
  auto made = compile_plan(
      d, [](const component&) { return result<schema>{schema{}}; }, faults);
  REQUIRE(made);
  return made;
}

partition make(const std::shared_ptr<const plan>& p) {
  return {p, 0, partition_id{0}, true, [](std::size_t, const std::string&) { return table_ptr{}; }};
}

/// Owns what its batches point into.
struct log_of {
  std::deque<std::string> texts;
  std::deque<record_meta> metas;
  std::vector<record> records;

  void event(offset at, std::int64_t t) {
    texts.push_back("{\"t\":" + std::to_string(t) + "}");
    records.push_back({texts.back(), at, at + 1, event_time{seconds{t}}});
  }
  void tombstone(offset at) {
    metas.push_back({"key", {}, true});
    records.push_back({{}, at, at + 1, event_time{seconds{0}}, &metas.back()});
  }
  record_batch_ptr batch(offset begin, offset end) const {
    auto b = std::make_shared<record_batch>();
    b->begin = begin;
    b->end = end;
    for (const auto& r : records)
      if (r.at >= begin && r.at < end)
        b->records.push_back(r);
    return b;
  }
};

journal_entry gap_to(const partition& p, offset begin) {
  return {p.entry_offset(journal_entry::what::gap), journal_entry::what::gap, {}, begin, {}};
}

event_time at(std::int64_t t) {
  return event_time{seconds{t}};
}

} // namespace

TEST_CASE("a tombstone becomes a dead letter, and the codec never sees it") {
  auto p = plan_with();
  auto worker = make(p);
  log_of log;
  log.event(0, 1000);
  log.tombstone(1);
  log.event(2, 1001);
  std::vector<emission> out;
  worker.apply(log.batch(0, 3), out);
  REQUIRE(out.size() == 1);
  CHECK(out[0].id.at == 1);
  CHECK(out[0].json.find("\"reason\":\"tombstone: the record has no value\"") != std::string::npos);
  CHECK(worker.counts().dead == 1);
  CHECK(worker.counts().skipped == 0);
  CHECK(worker.counts().records == 3);
}

TEST_CASE("tombstones that are to be skipped leave nothing but a count, however batches are cut") {
  auto p = plan_with({{"tombstones", text_option("skip")}});
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    std::mt19937_64 random{seed};
    log_of log;
    std::uint64_t tombstones = 0;
    for (offset o = 0; o < 60; ++o)
      if (random() % 3 == 0)
        log.tombstone(o), ++tombstones;
      else
        log.event(o, 1000 + static_cast<std::int64_t>(o));
    auto worker = make(p);
    std::vector<emission> out;
    for (offset o = 0; o < 60;) {
      auto to = std::min<offset>(60, o + 1 + random() % 9);
      worker.apply(log.batch(o, to), out);
      o = to;
    }
    if (worker.counts().skipped != tombstones || worker.counts().dead != 0 || !out.empty())
      FAIL("seed " << seed);
  }
}

TEST_CASE("a gap moves the position to where the log begins and remembers which times may be missing") {
  auto p = plan_with({{"on_gap", text_option("continue")}});
  CHECK(p->sources[0].continue_over_gaps);
  CHECK_FALSE(plan_with()->sources[0].continue_over_gaps);
  auto worker = make(p);
  worker.open(0, {{1, 1}, std::nullopt, 0, nothing_sealed});
  log_of log;
  for (offset o = 0; o < 10; ++o)
    log.event(o, 1000 + static_cast<std::int64_t>(o));
  log.event(500, 1100);
  log.event(501, 1103);
  std::vector<emission> out;
  worker.apply(log.batch(0, 10), out);
  worker.enter(gap_to(worker, 500), out);
  CHECK(worker.position() == 500);
  CHECK(worker.read_position() == 500);
  CHECK(worker.counts().lost == 490);
  CHECK(worker.counts().records == 10);
  CHECK(worker.lost() == std::vector{lost_stretch{at(1005), time_max}});
  worker.apply(log.batch(500, 502), out);
  CHECK(worker.lost() == std::vector{lost_stretch{at(1005), at(1104)}});
  CHECK(worker.position() == 502);
  CHECK(worker.counts().records == 12);
  SECTION("another one that touches it makes it longer") {
    worker.enter(gap_to(worker, 600), out);
    CHECK(worker.lost() == std::vector{lost_stretch{at(1005), time_max}});
    log.event(600, 1200);
    log.event(601, 1300);
    worker.apply(log.batch(600, 602), out);
    CHECK(worker.lost() == std::vector{lost_stretch{at(1005), at(1204)}});
    worker.enter(gap_to(worker, 700), out);
    CHECK(worker.lost() == std::vector{lost_stretch{at(1005), at(1204)}, lost_stretch{at(1296), time_max}});
  }
}

TEST_CASE("the journal leads over the gap again, also where the log has the records back") {
  auto p = plan_with({{"on_gap", text_option("continue")}});
  log_of log;
  for (offset o = 0; o < 30; ++o)
    log.event(o, 1000 + static_cast<std::int64_t>(o));
  std::vector<journal_entry> journal;
  std::vector<emission> out;
  auto first = make(p);
  first.apply(log.batch(0, 10), out);
  journal.push_back(gap_to(first, 20));
  first.enter(journal.back(), out);
  first.apply(log.batch(20, 30), out);
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    std::mt19937_64 random{seed};
    auto again = make(p);
    again.replay(journal);
    for (offset o = 0; o < 30;) {
      auto to = std::min<offset>(30, o + 1 + random() % 9);
      again.apply(log.batch(o, to), out);
      o = to;
    }
    REQUIRE(again.counts() == first.counts());
    REQUIRE(again.lost() == first.lost());
  }
}

TEST_CASE("a gap between a checkpoint and the log takes the entries that it passes over with it") {
  auto p = plan_with({{"on_gap", text_option("continue")}});
  auto worker = make(p);
  // The journal goes on to offset 120, the log begins at 200.
  worker.replay({{100, journal_entry::what::advance, at(1500), 0, {}},
                 {120, journal_entry::what::advance, at(1600), 0, {}}});
  std::vector<emission> out;
  log_of log;
  log.event(80, 1000);
  worker.apply(log.batch(80, 81), out);
  CHECK_FALSE(worker.may_enter());
  auto gap = gap_to(worker, 200);
  CHECK(gap.at == 81);
  worker.enter(gap, out);
  CHECK(worker.position() == 200);
  CHECK(worker.watermark() == at(1600));
  CHECK(worker.entries_due() == 0);
  // And once more, with that gap in the journal behind them.
  auto again = make(p);
  again.replay({{100, journal_entry::what::advance, at(1500), 0, {}},
                {120, journal_entry::what::advance, at(1600), 0, {}},
                gap});
  again.apply(log.batch(80, 81), out);
  CHECK(again.position() == 200);
  CHECK(again.watermark() == at(1600));
  CHECK(again.lost() == worker.lost());
  auto bytes = encode(gap);
  auto back = decode_journal_entry(bytes);
  REQUIRE(back.has_value());
  CHECK(*back == gap);
}
