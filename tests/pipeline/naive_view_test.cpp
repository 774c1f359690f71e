// Rows recomputed by the plain way against those of partitions and views, over random windows and records.
#include "pipeline/test_driver.hpp"
#include "pipeline/verify/row_compare.hpp"
#include "tests/support/make_definition.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <random>
#include <tuple>

using namespace tidemill;
using namespace tidemill::test;
using std::chrono::seconds;

namespace {

using window_options = std::vector<std::pair<std::string, option>>;

std::shared_ptr<const plan> plan_of(window_options window, bool scored) {
  definition d;
  d.sources.push_back(
      {{"log", {}},
       "test",
       section({{"format", text_option("json")},
                {"schema", schema_option({{"t", "timestamp_s"}, {"k", "string?"}, {"x", "double?"}})},
                {"time", section_option({{"field", text_option("t")},
                                         {"out_of_order", time_option(seconds{3})},
                                         {"max_future", time_option(seconds{100'000})}})}})});
  window_options settings{{"from", text_option("log")},
                          {"by", texts_option({"k"})},
                          {"where", text_option("x != 7.0")},
                          {"window", section_option(std::move(window))},
                          {"select", pairs_option({{"n", "count()"},
                                                   {"sum", "sum(x / 7.0)"},
                                                   {"spread", "stddev(x / 7.0)"},
                                                   {"p50", "quantile(x, 0.5)"},
                                                   {"kinds", "distinct(x)"},
                                                   {"first", "first(x)"},
                                                   {"best", "arg_max(t, x)"},
                                                   {"fading", "ewma(x, duration('5s'))"},
                                                   {"often", "top(x, 1)"},
                                                   {"all", "collect(x, 5)"},
                                                   {"share", "sum(x) / double(count())"}})},
                          {"retain", time_option(std::chrono::hours{1'000'000})}};
  if (scored)
    settings.emplace_back("score",
                          sections_option({{"odd", section({{"model", text_option("seasonal_profile")},
                                                            {"value", text_option("n")}})}}));
  d.views.push_back({{"v", {}}, section(std::move(settings))});
  std::vector<diagnostic> faults;
  auto made = compile_plan(
      d, [](const component&) { return result<schema>{schema{}}; }, faults);
  for (const auto& f : faults)
    FAIL(to_string(f, "p"));
  return made;
}

/// Hands the events of one partition to the plain way.
struct taker final : row_taker {
  explicit taker(naive_view& v) : to(v) {}
  void take(std::size_t, const event_batch& batch, const selection& rows,
            const std::vector<event_time>& watermarks) override {
    to.take(batch, rows, watermarks);
  }
  naive_view& to;
};

struct made_records {
  std::vector<std::pair<std::size_t, std::vector<std::string>>> batches; ///< of a partition
};

made_records make_records(std::mt19937_64& random, std::size_t partitions, std::size_t n) {
  made_records out;
  std::int64_t t = 100'000;
  for (std::size_t i = 0; i < n;) {
    auto& [p, lines] = out.batches.emplace_back(random() % partitions, std::vector<std::string>{});
    for (auto left = 1 + random() % 20; left > 0 && i < n; --left, ++i) {
      t += static_cast<std::int64_t>(random() % 3) + (random() % 40 == 0 ? 60 : 0);
      auto at = t - static_cast<std::int64_t>(random() % 6 == 0 ? random() % 40 : random() % 4);
      auto key = random() % 10 == 0 ? std::string{"null"} : std::string{'"', "abc"[random() % 3], '"'};
      auto x = random() % 15 == 0 ? std::string{"null"} : std::to_string(random() % 12) + ".25";
      lines.push_back(
          random() % 50 == 0 ? "{" : "{\"t\":" + std::to_string(at) + ",\"k\":" + key + ",\"x\":" + x + "}");
    }
  }
  return out;
}

record_batch_ptr batch_of(std::size_t p, offset begin, const std::vector<std::string>& lines) {
  auto memory = std::make_shared<std::vector<std::string>>(lines);
  auto b = std::make_shared<record_batch>();
  b->partition = static_cast<partition_id>(p);
  b->begin = begin;
  b->end = begin + lines.size();
  for (const auto& text : *memory)
    b->records.push_back({text, begin + b->records.size(), begin + b->records.size() + 1, {}, nullptr});
  b->memory = memory;
  return b;
}

using row_place = std::tuple<event_time, event_time, std::string>;
row_place place_in(const row& r) {
  return {r.window_end, r.window_start, r.key};
}

/// The rows of a run with crashes, those of a plain one compared with them; returns how many there were.
std::size_t compare_run(const std::shared_ptr<const plan>& all, std::size_t partitions,
                        const made_records& in) {
  test_driver run{{all, {static_cast<std::uint32_t>(partitions)}, {}, {}}};
  run.crash_always(true);
  const auto& view = all->sources[0].views[0];
  naive_view plain{view, {}};
  taker to{plain};
  std::vector<std::unique_ptr<partition>> parts;
  for (std::size_t p = 0; p < partitions; ++p) {
    parts.push_back(
        std::make_unique<partition>(all, 0, static_cast<partition_id>(p), false, partition::table_finder{}));
    parts.back()->start(0);
    parts.back()->divert(&to);
  }
  std::map<row_place, row_ptr> stored;
  std::size_t compared = 0;
  std::vector<emission> ignored;
  for (const auto& [p, lines] : in.batches) {
    run.send(0, static_cast<partition_id>(p), {lines.begin(), lines.end()}, "");
    parts[p]->apply(batch_of(p, parts[p]->read_position(), lines), ignored);
  }
  run.end();
  for (auto& p : parts)
    p->enter({p->entry_offset(journal_entry::what::end), journal_entry::what::end, {}, 0, {}}, ignored);
  for (const auto& r : run.rows(0, 0))
    stored.emplace(place_in(*r), r);
  plain.seal(time_max, [&](const naive_view::result& r) {
    auto at = stored.find(place_in(*r.row));
    INFO(place_of(view, *r.row));
    REQUIRE(at != stored.end());
    auto c = compare_rows(view, *at->second, r, true);
    for (const auto& d : c.differences)
      FAIL_CHECK(d.column << ": stored " << d.stored << ", recomputed " << d.recomputed);
    CHECK(c.untold.empty());
    stored.erase(at);
    ++compared;
  });
  CHECK(stored.empty());
  CHECK(plain.events() == 0);
  return compared;
}

window_options sliding(std::int64_t size, std::int64_t slide, std::int64_t lateness, std::int64_t shift) {
  return {{"size", time_option(seconds{size})},
          {"slide", time_option(seconds{slide})},
          {"lateness", time_option(seconds{lateness})},
          {"offset", time_option(seconds{shift})}};
}

} // namespace

TEST_CASE("sealed rows are what the plain way makes of the events, whatever windows slide") {
  std::mt19937_64 random{1};
  std::size_t rows = 0;
  for (int i = 0; i < 60; ++i) {
    const auto unit = static_cast<std::int64_t>(1 + random() % 4);
    const auto slide = unit * static_cast<std::int64_t>(1 + random() % 5);
    const auto size = slide + unit * static_cast<std::int64_t>(random() % 12);
    const auto lateness = static_cast<std::int64_t>(random() % 3 == 0 ? 0 : random() % 30);
    CAPTURE(i, size, slide, lateness);
    auto all = plan_of(sliding(size, slide, lateness, static_cast<std::int64_t>(random() % 5)), i % 4 == 0);
    const auto partitions = 1 + random() % 3;
    rows += compare_run(all, partitions, make_records(random, partitions, 200));
  }
  CHECK(rows > 5'000);
}

TEST_CASE("sealed rows of sessions and calendars are what the plain way makes of the events") {
  std::mt19937_64 random{2};
  std::size_t rows = 0;
  for (int i = 0; i < 60; ++i) {
    window_options window{{"lateness", time_option(seconds{static_cast<std::int64_t>(random() % 20)})}};
    if (i % 3 == 0) {
      window.emplace_back("calendar", text_option("day"));
    } else {
      window.emplace_back("session", time_option(seconds{static_cast<std::int64_t>(4 * (1 + random() % 8))}));
      if (i % 3 == 1)
        window.emplace_back("max", time_option(seconds{120}));
    }
    CAPTURE(i);
    const auto partitions = 1 + random() % 3;
    rows += compare_run(plan_of(std::move(window), i % 6 == 0), partitions,
                        make_records(random, partitions, 200));
  }
  CHECK(rows > 1'000);
}
