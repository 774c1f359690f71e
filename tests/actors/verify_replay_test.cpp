// What a replay makes of records, journal entries and table versions that are no longer there.
#include "actors/verify_replay.hpp"

#include "tests/support/make_definition.hpp"

#include <catch2/catch.hpp>

#include <deque>
#include <filesystem>
#include <unistd.h>

using namespace tidemill;
using namespace tidemill::test;
using std::chrono::seconds;

namespace {

std::shared_ptr<const plan> make_plan() {
  definition d;
  d.sources.push_back({{"log", {}},
                       "test",
                       section({{"format", text_option("json")},
                                {"schema", schema_option({{"t", "timestamp_s"}})},
                                {"time", section_option({{"field", text_option("t")},
                                                         {"out_of_order", time_option(seconds{5})}})}})});
  d.views.push_back({{"v", {}},
                     section({{"from", text_option("log")},
                              {"window", section_option({{"size", time_option(seconds{10})}})},
                              {"select", pairs_option({{"n", "count()"}})}})});
  std::vector<diagnostic> faults;
  auto made = compile_plan(
      d, [](const component&) { return result<schema>{schema{}}; }, faults);
  for (const auto& f : faults)
    FAIL(to_string(f, "p"));
  return made;
}

event_time at(std::int64_t s) {
  return event_time{seconds{s}};
}

/// A log of one partition with one record a second from 1000 on: record i is of second 1000 + i. Those below
/// `begin` are gone.
class seconds_source final : public record_source {
public:
  seconds_source(offset begin, offset end) : begin_(begin), end_(end) {}
  std::uint32_t partitions() const noexcept override { return 1; }
  std::string identity() const override { return "seconds"; }
  bool has_arrival_times() const noexcept override { return true; }
  offset start(partition_id) override { return 0; }
  status seek(partition_id, offset to) override {
    next_ = to;
    return {};
  }
  status poll(const std::vector<partition_id>& wanted, std::size_t, std::chrono::milliseconds,
              std::vector<polled>& out) override {
    if (wanted.empty())
      return {};
    if (next_ < begin_) {
      out.emplace_back(polled_gap{partition_id{}, next_, begin_});
      next_ = begin_;
      return {};
    }
    auto lines = std::make_shared<std::deque<std::string>>();
    auto batch = std::make_shared<record_batch>();
    batch->begin = next_;
    for (; next_ < end_ && lines->size() < 7; ++next_) {
      lines->push_back("{\"t\":" + std::to_string(1000 + next_) + "}");
      batch->records.push_back({lines->back(), next_, next_ + 1, {}});
    }
    batch->end = next_;
    batch->memory = lines;
    if (lines->empty())
      out.emplace_back(polled_end{partition_id{}, next_});
    else
      out.emplace_back(std::move(batch));
    return {};
  }
  std::uint64_t lag(partition_id) const override { return end_ - next_; }

private:
  offset begin_, end_, next_ = 0;
};

struct counting final : row_taker {
  void take(std::size_t, const event_batch&, const selection& rows, const std::vector<event_time>&) override {
    events += rows.size();
  }
  std::size_t events = 0;
};

struct replayed {
  replayed(offset begin, offset end, stored_journal journal, event_time target,
           std::optional<checkpoint> saved = {})
      : all(make_plan()), records(begin, end), tables(*all, ".", "."),
        run({all, 0, &records, {std::move(journal)}, {std::move(saved)}, &tables, &taken}) {
    done = run.run(target, [&] { ++rounds; });
  }
  std::shared_ptr<const plan> all;
  seconds_source records;
  table_shelf tables;
  counting taken;
  source_replay run;
  status done;
  int rounds = 0;
};

stored_journal journal_of(std::vector<journal_entry> entries, bool whole = true) {
  return {std::move(entries), whole};
}

} // namespace

TEST_CASE("a replay reads on until the watermark has reached its target") {
  replayed r{0, 1000, {}, at(1100)};
  REQUIRE(r.done.has_value());
  CHECK(r.run.watermark() >= at(1100));
  CHECK(r.run.watermark() < at(1110));
  CHECK(r.run.whole());
  CHECK(r.run.ended_early() == "");
  CHECK(r.taken.events == 112);
}

TEST_CASE("a replay of a log that is too short says so") {
  replayed r{0, 50, {}, at(1100)};
  REQUIRE(r.done.has_value());
  CHECK(r.run.watermark() == at(1044));
  CHECK(r.run.ended_early() == "log/0 ends at offset 50, before all records that these rows were made of");
}

TEST_CASE("windows that may hold records that are gone are doubtful, those after them are not") {
  replayed r{100, 1000, {}, at(1200)};
  REQUIRE(r.done.has_value());
  REQUIRE(r.run.doubt(at(1090), at(1100)) != nullptr);
  CHECK(*r.run.doubt(at(1090), at(1100)) == "records of log/0 before offset 100 are no longer in the source");
  CHECK(r.run.doubt(at(1100), at(1110)) != nullptr);
  CHECK(r.run.doubt(at(1110), at(1120)) == nullptr);
  CHECK_FALSE(r.run.whole());
}

TEST_CASE(
    "records that were gone already when the rows were made are in the journal, and no reason for doubt") {
  replayed r{100, 1000, journal_of({{0, journal_entry::what::gap, {}, 100, {}}}), at(1200)};
  REQUIRE(r.done.has_value());
  CHECK(r.run.whole());
  CHECK(r.run.doubt(at(1090), at(1110)) == nullptr);
}

TEST_CASE("what lies before the oldest entry of a journal that was cut is doubtful") {
  auto advance = journal_entry{200, journal_entry::what::advance, at(1000), 0, {}};
  replayed r{0, 1000, journal_of({advance}, false), at(1400)};
  REQUIRE(r.done.has_value());
  REQUIRE(r.run.doubt(at(1150), at(1160)) != nullptr);
  CHECK(*r.run.doubt(at(1150), at(1160)) == "the oldest entries of the journal of log/0 are gone");
  CHECK(r.run.doubt(at(1220), at(1230)) == nullptr);

  checkpoint saved;
  saved.at = 300;
  replayed empty{0, 1000, journal_of({}, false), at(1400), saved};
  REQUIRE(empty.done.has_value());
  CHECK(empty.run.doubt(at(1290), at(1300)) != nullptr);
  CHECK(empty.run.doubt(at(1320), at(1330)) == nullptr);
}
