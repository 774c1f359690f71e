// Scores of keys that come back after a silence: they may depend on the times of rows alone.
#include "pipeline/partition.hpp"
#include "pipeline/verify/naive_view.hpp"
#include "pipeline/view.hpp"
#include "tests/support/make_definition.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <tuple>
#include <vector>

using namespace tidemill;
using namespace tidemill::test;
using std::chrono::seconds;

namespace {

using place = std::tuple<event_time, std::string>; // end of the window, key
using final_rows = std::map<place, row_ptr>;

struct shape {
  std::int64_t size = 0, slide = 0, lateness = 0, retain = 0;
};

std::shared_ptr<const plan> plan_of(const shape& s) {
  definition d;
  d.sources.push_back(
      {{"log", {}},
       "test",
       section({{"format", text_option("json")},
                {"schema", schema_option({{"t", "timestamp_s"}, {"k", "string"}, {"x", "int"}})},
                {"time", section_option({{"field", text_option("t")},
                                         {"out_of_order", time_option(seconds{2})},
                                         {"max_future", time_option(seconds{100'000})}})}})});
  auto model = section({{"model", text_option("seasonal_profile")},
                        {"value", text_option("most")},
                        {"refractory", option{{}, std::int64_t{1}}}});
  d.views.push_back({{"v", {}},
                     section({{"from", text_option("log")},
                              {"by", texts_option({"k"})},
                              {"window", section_option({{"size", time_option(seconds{s.size})},
                                                         {"slide", time_option(seconds{s.slide})},
                                                         {"lateness", time_option(seconds{s.lateness})}})},
                              {"select", pairs_option({{"n", "count()"}, {"most", "max(x)"}})},
                              {"score", sections_option({{"odd", model}})},
                              {"retain", time_option(seconds{s.retain})}})});
  std::vector<diagnostic> faults;
  auto made = compile_plan(
      d, [](const component&) { return result<schema>{schema{}}; }, faults);
  for (const auto& f : faults)
    FAIL(to_string(f, "p"));
  return made;
}

/// Keys whose events come in bursts, with silences of about `retain` between them; one never rests.
std::vector<std::string> make_records(std::mt19937_64& random, const shape& s) {
  std::multimap<std::int64_t, std::string> by_time;
  const std::int64_t last = 100'000 + 12 * s.retain;
  for (std::size_t key = 0; key < 5; ++key)
    for (std::int64_t t = 100'000; t < last;) {
      auto seen = t + static_cast<std::int64_t>(random() % 3);
      by_time.emplace(seen, "{\"t\":" + std::to_string(t) + ",\"k\":\"" + std::string(1, "abcde"[key]) +
                                "\",\"x\":" + std::to_string(random() % 40) + "}");
      t += static_cast<std::int64_t>(random() % static_cast<unsigned>(s.slide + 1));
      if (key > 0 && random() % 12 == 0)
        t += std::max<std::int64_t>(
            s.retain - 2 * s.size + static_cast<std::int64_t>(random() % static_cast<unsigned>(4 * s.size)),
            1);
    }
  std::vector<std::string> all;
  for (auto& [at, text] : by_time)
    all.push_back(std::move(text));
  return all;
}

record_batch_ptr batch_of(const std::vector<std::string>& records, std::size_t from, std::size_t to) {
  auto b = std::make_shared<record_batch>();
  b->begin = from;
  b->end = to;
  for (auto i = from; i < to; ++i)
    b->records.push_back({records[i], i, i + 1, {}, nullptr});
  return b;
}

/// A partition and its view; either may die, and ticks come when they come.
class small_world {
public:
  small_world(std::shared_ptr<const plan> all, const std::vector<std::string>& records, std::uint64_t seed)
      : all_(std::move(all)), records_(records), random_(seed) {}

  final_rows run(std::size_t greatest_batch) {
    start_view();
    start_worker();
    while (!worker_->ended()) {
      auto from = worker_->read_position();
      auto to = std::min(from + 1 + random_() % greatest_batch, records_.size());
      if (from < to)
        worker_->apply(batch_of(records_, from, to), ignored_);
      else
        worker_->enter({worker_->entry_offset(journal_entry::what::end), journal_entry::what::end, {}, 0, {}},
                       ignored_);
      if (random_() % 3 == 0 || worker_->ended())
        flush_and_tick();
      if (random_() % 20 == 0)
        start_worker();
    }
    while (!view_->finished())
      flush_and_tick();
    return sealed_;
  }

private:
  /// Without checkpoints: it reads again what was read before.
  void start_worker() {
    auto known = worker_ ? worker_->read_position() : 0;
    worker_ = std::make_unique<partition>(all_, 0, partition_id{}, false, partition::table_finder{});
    worker_->start(0);
    worker_->open(0, view_->open(partition_id{}, ++incarnation_));
    if (known > 0)
      worker_->apply(batch_of(records_, 0, known), ignored_);
  }

  void start_view() {
    view_ = std::make_unique<view>(all_, 0, 0, 1, ++incarnation_);
    for (const auto& record : log_)
      if (!view_->recover(record))
        FAIL("a log is refused");
    if (log_.empty() || random_() % 2 == 0)
      log_ = view_->head();
    for (const auto& [end, rows] : view_->sealed_after(time_min))
      note(rows);
    if (worker_)
      worker_->open(0, view_->open(partition_id{}, incarnation_));
  }

  void flush_and_tick() {
    for (const auto& piece : worker_->flush(0))
      (void)view_->receive(piece);
    auto t = view_->tick(random_() % 2 == 0);
    auto dies = random_() % 6 == 0;
    auto written = dies ? random_() % (t.log.size() + 1) : t.log.size();
    log_.insert(log_.end(), t.log.begin(), t.log.begin() + static_cast<std::ptrdiff_t>(written));
    if (dies)
      return start_view();
    for (const auto& [end, rows] : t.sealed)
      note(rows);
    for (const auto& [p, ack] : t.acks)
      worker_->acked(0, ack);
    if (random_() % 10 == 0)
      log_ = view_->head();
  }

  void note(const std::vector<row_ptr>& rows) {
    for (const auto& r : rows)
      if (auto [known, fresh] = sealed_.emplace(place{r->window_end, r->key}, r); *known->second != *r)
        FAIL("a final row changed");
  }

  std::shared_ptr<const plan> all_;
  const std::vector<std::string>& records_;
  std::mt19937_64 random_;
  std::vector<std::string> log_;
  std::uint64_t incarnation_ = 0;
  std::unique_ptr<partition> worker_;
  std::unique_ptr<view> view_;
  std::vector<emission> ignored_;
  final_rows sealed_;
};

/// Hands the events to the plain way.
struct taker final : row_taker {
  explicit taker(naive_view& v) : to(v) {}
  void take(std::size_t, const event_batch& batch, const selection& rows,
            const std::vector<event_time>& watermarks) override {
    to.take(batch, rows, watermarks);
  }
  naive_view& to;
};

final_rows recompute(const std::shared_ptr<const plan>& all, const std::vector<std::string>& records) {
  naive_view plain{all->sources[0].views[0], {}};
  taker to{plain};
  partition p{all, 0, partition_id{}, false, partition::table_finder{}};
  p.start(0);
  p.divert(&to);
  std::vector<emission> ignored;
  p.apply(batch_of(records, 0, records.size()), ignored);
  final_rows out;
  plain.seal(time_max, [&](const naive_view::result& r) {
    out.emplace(place{r.row->window_end, r.row->key}, r.row);
  });
  return out;
}

std::vector<shape> shapes(std::mt19937_64& random) {
  std::vector<shape> all{{5, 5, 0, 0}}; // every row is the first one
  for (int i = 0; i < 25; ++i) {
    const auto slide = static_cast<std::int64_t>(1 + random() % 5);
    const auto size = slide * static_cast<std::int64_t>(1 + random() % 4);
    const auto lateness = static_cast<std::int64_t>(random() % 2 == 0 ? 0 : random() % 20);
    all.push_back({size, slide, lateness, size + static_cast<std::int64_t>(random() % 60)});
  }
  return all;
}

} // namespace

TEST_CASE("a key that comes back after a silence has the scores that the times of its rows give it") {
  std::mt19937_64 random{4};
  std::size_t rows = 0, odd = 0, forgotten = 0;
  for (const auto& s : shapes(random)) {
    CAPTURE(s.size, s.slide, s.lateness, s.retain);
    auto all = plan_of(s);
    auto records = make_records(random, s);
    auto expected = recompute(all, records);
    for (auto greatest_batch : {3u, 30u, 1'000'000u}) {
      CAPTURE(greatest_batch);
      auto got = small_world{all, records, random()}.run(greatest_batch);
      REQUIRE(got.size() == expected.size());
      for (const auto& [at, r] : expected) {
        auto found = got.find(at);
        REQUIRE(found != got.end());
        INFO("expected " << to_json(*all->sources[0].views[0].schema, *r) << ", got "
                         << to_json(*all->sources[0].views[0].schema, *found->second));
        REQUIRE(*found->second == *r);
      }
    }
    std::map<std::string, event_time> before;
    for (const auto& [at, r] : expected) {
      auto [last, fresh] = before.emplace(r->key, r->window_end);
      forgotten += !fresh && r->window_end - last->second >= seconds{s.retain};
      last->second = r->window_end;
      odd += r->columns.back() != value{0.0} && !r->columns.back().is_null();
    }
    rows += expected.size();
  }
  INFO(rows << " rows, " << odd << " with a score, " << forgotten << " after a silence");
  // The test would prove nothing if these didn't happen.
  CHECK(odd > 200);
  CHECK(forgotten > 200);
}
