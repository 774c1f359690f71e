// Rows of windows that are still open.
#include "pipeline/partition.hpp"
#include "pipeline/view.hpp"
#include "tests/support/make_definition.hpp"

#include <catch2/catch.hpp>

#include <deque>
#include <map>

using namespace tidemill;
using namespace tidemill::test;
using std::chrono::seconds;

namespace {

std::shared_ptr<const plan> plan_of(seconds size, seconds slide, seconds out_of_order) {
  definition d;
  d.sources.push_back({{"log", {}},
                       "test",
                       section({{"format", text_option("json")},
                                {"schema", schema_option({{"t", "timestamp_s"}, {"k", "string"}})},
                                {"time", section_option({{"field", text_option("t")},
                                                         {"out_of_order", time_option(out_of_order)}})}})});
  d.views.push_back(
      {{"v", {}},
       section({{"from", text_option("log")},
                {"by", text_option("k")},
                {"window", section_option({{"size", time_option(size)}, {"slide", time_option(slide)}})},
                {"emit", section_option({{"every", time_option(seconds{1})}})},
                {"select", pairs_option({{"n", "count()"}})}})});
  std::vector<diagnostic> faults;
  auto made = compile_plan(
      d, [](const component&) { return result<schema>{schema{}}; }, faults);
  REQUIRE(made);
  return made;
}

/// What readers know: (window end, key) → (events, state).
using rows = std::map<std::pair<std::int64_t, std::string>, std::pair<std::int64_t, row_state>>;

/// One partition and its view.
struct one_partition {
  explicit one_partition(const std::shared_ptr<const plan>& p)
      : all(p),
        worker(p, 0, partition_id{0}, true, [](std::size_t, const std::string&) { return table_ptr{}; }) {
    worker.start(0);
    start_view();
  }

  void start_view() {
    shown.clear();
    merger = std::make_unique<view>(all, 0, 0, 1, ++incarnation);
    for (const auto& record : log)
      REQUIRE(merger->recover(record).has_value());
    if (log.empty())
      log = merger->head();
    worker.open(0, merger->open(partition_id{0}, 1));
    look();
  }

  void send(std::int64_t t, const std::string& k) {
    texts.push_back("{\"t\":" + std::to_string(t) + ",\"k\":\"" + k + "\"}");
    auto b = std::make_shared<record_batch>();
    b->begin = at;
    b->records.push_back({texts.back(), at, at + 1, std::nullopt});
    b->end = ++at;
    std::vector<emission> out;
    worker.apply(b, out);
    look();
  }

  void look() {
    for (const auto& piece : worker.flush(0))
      (void)merger->receive(piece);
    auto tick = merger->tick(true);
    log.insert(log.end(), tick.log.begin(), tick.log.end());
    for (const auto& r : tick.put)
      shown[{r->window_end.time_since_epoch() / seconds{1}, *r->columns.at(0).get_if<std::string>()}] = {
          *r->columns.at(1).get_if<std::int64_t>(), r->state};
    for (const auto& [p, ack] : tick.acks)
      worker.acked(0, ack);
  }

  std::shared_ptr<const plan> all;
  partition worker;
  std::unique_ptr<view> merger;
  std::vector<std::string> log;
  std::deque<std::string> texts;
  offset at = 0;
  std::uint64_t incarnation = 0;
  rows shown;
};

} // namespace

TEST_CASE("an open row that was shown stays right when a newer window is shown, too") {
  one_partition p{plan_of(seconds{10}, seconds{10}, seconds{5})};
  p.send(8, "a");
  p.send(12, "a");
  CHECK(p.shown == rows{{{10, "a"}, {1, row_state::open}}, {{20, "a"}, {1, row_state::open}}});
  p.send(9, "a");
  CHECK(p.shown == rows{{{10, "a"}, {2, row_state::open}}, {{20, "a"}, {1, row_state::open}}});
}

TEST_CASE(
    "a row is shown while its window is open, though its last event's slice is final, also after a restart") {
  // Slices of 2 s; windows end at 6, 10, 14 …
  one_partition p{plan_of(seconds{10}, seconds{4}, seconds{0})};
  p.send(7, "a");
  p.send(8, "b"); // the slice of 7 is final
  auto open_rows = rows{{{10, "a"}, {1, row_state::open}}, {{10, "b"}, {1, row_state::open}}};
  CHECK(p.shown == open_rows);
  p.start_view();
  CHECK(p.shown == open_rows);
}
