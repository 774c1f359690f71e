// Records of an exchange that are to be skipped.
#include "event/exchange_record.hpp"
#include "pipeline/exchange_body.hpp"
#include "pipeline/partition.hpp"
#include "tests/support/make_definition.hpp"

#include <catch2/catch.hpp>

using namespace tidemill;
using namespace tidemill::test;
using std::chrono::seconds;

namespace {

std::shared_ptr<const plan> make_plan() {
  definition d;
  d.sources.push_back({{"log", {}},
                       "test",
                       section({{"format", text_option("json")},
                                {"schema", schema_option({{"t", "timestamp_s"}, {"user", "string"}})},
                                {"time", section_option({{"field", text_option("t")}})}})});
  stream_definition users{{"users", {}}, {"log", {}}, {}};
  users.key_by.push_back({"user", {}});
  d.streams.push_back(std::move(users));
  d.views.push_back({{"v", {}},
                     section({{"from", text_option("users")},
                              {"by", texts_option({"user"})},
                              {"window", section_option({{"size", time_option(seconds{10})}})},
                              {"select", pairs_option({{"n", "count()"}})}})});
  std::vector<diagnostic> faults;
  auto made = compile_plan(
      d, [](const component&) { return result<schema>{schema{}}; }, faults);
  for (const auto& f : faults)
    FAIL_CHECK(f.path << ": " << f.text);
  REQUIRE(made);
  return made;
}

/// The log of the exchange: an event of a user at each offset.
std::vector<std::string> log_of(std::size_t records) {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < records; ++i) {
    event_batch batch;
    batch.records.push_back({"", i, i + 1, std::nullopt});
    batch.times.push_back(event_time{seconds{i}});
    batch.columns.emplace_back(kind::timestamp);
    batch.columns.emplace_back(kind::string);
    for (auto& c : batch.columns)
      c.resize(1);
    batch.columns[0].set(0, timestamp{static_cast<std::int64_t>(i), 0});
    batch.columns[1].set(0, std::string{"ann"});
    std::string body;
    append_body(body, batch, 0, std::vector<std::size_t>{0, 1});
    append_record(all.emplace_back(), {0, {partition_id{0}, i, 0}, body});
  }
  return all;
}

struct row_count : row_taker {
  std::size_t rows = 0;
  void take(std::size_t, const event_batch&, const selection& some, const std::vector<event_time>&) override {
    rows += some.size();
  }
};

} // namespace

TEST_CASE("a record of an exchange that is to be skipped stays so, however many entries come before it") {
  const auto all = make_plan();
  REQUIRE(all->sources.size() == 2);
  const auto log = log_of(10);
  auto batch = std::make_shared<record_batch>();
  batch->end = log.size();
  for (std::size_t i = 0; i < log.size(); ++i)
    batch->records.push_back({log[i], i, i + 1, std::nullopt});
  partition p{all, 1, partition_id{0}, false, {}};
  p.replay({{0, journal_entry::what::skip, {}, 7, {}},
            {3, journal_entry::what::advance, event_time{seconds{1}}, 0, {}},
            {5, journal_entry::what::advance, event_time{seconds{2}}, 0, {}}});
  row_count views;
  p.divert(&views);
  std::vector<emission> out;
  p.apply(batch, out);
  CHECK(p.position() == 10);
  CHECK(p.counts().records == 10);
  CHECK(p.counts().dead == 1);
  CHECK(views.rows == 9);
  CHECK(p.entries_due() == 0);
}
