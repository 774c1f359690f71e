// Sessions and global views against a plain evaluation, over random records, partitions, batches and crashes.
#include "pipeline/test_driver.hpp"
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

struct shape {
  std::int64_t gap = 0, max = 0, lateness = 0, out_of_order = 0;
  bool open = false, global = false;

  [[nodiscard]] std::int64_t slice() const { return global ? std::min<std::int64_t>(gap / 4, 60) : gap / 4; }
};

std::shared_ptr<const plan> plan_of(const shape& s) {
  definition d;
  d.sources.push_back(
      {{"log", {}},
       "test",
       section({{"format", text_option("json")},
                {"schema", schema_option({{"t", "timestamp_s"}, {"k", "string"}, {"n", "int"}})},
                {"time", section_option({{"field", text_option("t")},
                                         {"out_of_order", time_option(seconds{s.out_of_order})}})}})});
  std::vector<std::pair<std::string, option>> settings{
      {"from", text_option("log")},
      {"by", text_option("k")},
      {"select", pairs_option({{"n", "count()"}, {"sum", "sum(n)"}, {"mean", "avg(double(n) / 7.0)"}})}};
  if (s.global) {
    settings.emplace_back("window", text_option("global"));
    settings.emplace_back("retain", time_option(seconds{s.gap}));
  } else {
    std::vector<std::pair<std::string, option>> window{{"session", time_option(seconds{s.gap})},
                                                       {"lateness", time_option(seconds{s.lateness})}};
    if (s.max > 0)
      window.emplace_back("max", time_option(seconds{s.max}));
    settings.emplace_back("window", section_option(std::move(window)));
    settings.emplace_back("retain", time_option(seconds{1'000'000}));
  }
  if (s.open)
    settings.emplace_back("emit", section_option({{"every", time_option(seconds{1})}}));
  d.views.push_back({{"v", {}}, section(std::move(settings))});
  std::vector<diagnostic> faults;
  auto made = compile_plan(
      d, [](const component&) { return result<schema>{schema{}}; }, faults);
  for (const auto& f : faults)
    FAIL(to_string(f, "p"));
  return made;
}

struct event {
  std::int64_t t = 0;
  std::string key;
  std::int64_t n = 0, before = 0; // the watermark of its partition before it
};

// (key, start, end) → (count, sum, state, revision)
using expected_rows = std::map<std::tuple<std::string, std::int64_t, std::int64_t>,
                               std::tuple<std::int64_t, std::int64_t, row_state, std::uint32_t>>;

constexpr std::int64_t never = -1'000'000'000, forever = 1'000'000'000;

std::int64_t floor_div(std::int64_t a, std::int64_t b) {
  return a / b - (a % b < 0);
}

expected_rows evaluate(const shape& s, std::vector<event> accepted, std::int64_t now, bool ended) {
  std::stable_sort(accepted.begin(), accepted.end(),
                   [](const event& a, const event& b) { return a.t < b.t; });
  if (s.global && ended && !accepted.empty())
    now = (floor_div(accepted.back().t, s.slice()) + 1) * s.slice();
  std::map<std::string, std::vector<std::vector<event>>> runs;
  for (const auto& e : accepted) {
    auto& of_key = runs[e.key];
    if (of_key.empty() || e.t - of_key.back().back().t > s.gap ||
        (s.max > 0 && floor_div(e.t, s.max) != floor_div(of_key.back().back().t, s.max)))
      of_key.emplace_back();
    of_key.back().push_back(e);
  }
  expected_rows rows;
  for (const auto& [key, of_key] : runs)
    for (const auto& run : of_key) {
      auto end = run.back().t + s.gap;
      if (s.max > 0)
        end = std::min(end, (floor_div(run.back().t, s.max) + 1) * s.max);
      auto done = floor_div(end, s.slice());
      auto final = (done + 1) * s.slice() + s.lateness <= now;
      auto state = final ? row_state::sealed : end <= now ? row_state::closed : row_state::open;
      std::int64_t sum = 0;
      std::uint32_t corrections = 0;
      for (const auto& e : run) {
        sum += e.n;
        corrections += floor_div(e.before, s.slice()) - 1 >= done ? 1 : 0;
      }
      auto n = static_cast<std::int64_t>(run.size());
      if (s.global && !final && &run == &of_key.back())
        rows[{key, 0, 0}] = {n, sum, row_state::open, 0};
      else if (!s.global && (state != row_state::open || s.open))
        rows[{key, run.front().t, end}] = {n, sum, state, corrections};
    }
  return rows;
}

expected_rows shown(const test_driver& d, bool global) {
  expected_rows rows;
  for (const auto& r : d.rows(0, 0)) {
    auto in_seconds = [&](event_time t) { return global ? 0 : t.time_since_epoch() / seconds{1}; };
    rows[{*r->columns[0].get_if<std::string>(), in_seconds(r->window_start), in_seconds(r->window_end)}] = {
        *r->columns[1].get_if<std::int64_t>(), *r->columns[2].get_if<std::int64_t>(), r->state, r->revision};
  }
  return rows;
}

std::string to_text(const expected_rows& rows) {
  std::string out;
  for (const auto& [place, what] : rows)
    out += ' ' + std::get<0>(place) + '[' + std::to_string(std::get<1>(place)) + ',' +
           std::to_string(std::get<2>(place)) + ")=" + std::to_string(std::get<0>(what)) + '/' +
           std::to_string(std::get<1>(what)) + ' ' + std::string{to_string(std::get<2>(what))} + '~' +
           std::to_string(std::get<3>(what));
  return out;
}

class world {
public:
  world(shape s, std::uint64_t seed)
      : shape_(s), random_(seed), partitions_(1 + random_() % 3), watermarks_(partitions_, never),
        driver_({plan_of(s), {static_cast<std::uint32_t>(partitions_)}, {}, std::nullopt}) {}

  void run(int steps) {
    std::int64_t now = 0;
    for (int i = 0; i < steps; ++i) {
      std::vector<std::string> batch;
      auto p = random_() % partitions_;
      for (auto n = 1 + random_() % 6; n > 0; --n) {
        now += static_cast<std::int64_t>(random_() % 10 == 0 ? random_() % (3 * shape_.gap) : random_() % 4);
        add(p, std::max<std::int64_t>(0, now - static_cast<std::int64_t>(random_() % 3 * (random_() % 16))),
            batch);
      }
      driver_.send(0, static_cast<partition_id>(p), {batch.begin(), batch.end()}, "");
      if (auto dice = random_() % 8; dice < 3)
        driver_.crash(dice == 0   ? test_driver::victim::workers
                      : dice == 1 ? test_driver::victim::views
                                  : test_driver::victim::process);
      compare(false);
    }
    driver_.end();
    compare(true);
  }

private:
  void add(std::size_t p, std::int64_t t, std::vector<std::string>& batch) {
    event e{t, std::string(1, static_cast<char>('a' + random_() % 3)),
            static_cast<std::int64_t>(random_() % 100), watermarks_[p]};
    batch.push_back("{\"t\":" + std::to_string(e.t) + ",\"k\":\"" + e.key +
                    "\",\"n\":" + std::to_string(e.n) + '}');
    if ((floor_div(t, shape_.slice()) + 1) * shape_.slice() + shape_.lateness > e.before)
      accepted_.push_back(e);
    watermarks_[p] = std::max(watermarks_[p], t - shape_.out_of_order);
  }

  void compare(bool ended) {
    auto now = ended ? forever : *std::ranges::min_element(watermarks_);
    INFO("at " << now);
    REQUIRE(to_text(shown(driver_, shape_.global)) == to_text(evaluate(shape_, accepted_, now, ended)));
  }

  shape shape_;
  std::mt19937_64 random_;
  std::size_t partitions_;
  std::vector<std::int64_t> watermarks_;
  std::vector<event> accepted_;
  test_driver driver_;
};

} // namespace

TEST_CASE("sessions are those of a plain evaluation, at every moment, whatever crashes") {
  std::mt19937_64 random{5};
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    shape s;
    s.gap = 4 * static_cast<std::int64_t>(1 + random() % 4);
    s.max = random() % 3 == 0 ? s.gap * static_cast<std::int64_t>(1 + random() % 3) : 0;
    s.lateness = random() % 2 == 0 ? 0 : static_cast<std::int64_t>(random() % 40);
    s.out_of_order = static_cast<std::int64_t>(random() % 12);
    s.open = random() % 2 == 0;
    INFO("seed " << seed << ": gap " << s.gap << " max " << s.max << " lateness " << s.lateness
                 << " out of order " << s.out_of_order << (s.open ? ", open rows" : ""));
    world{s, seed}.run(25);
  }
}

TEST_CASE("a global view is a plain evaluation's, at every moment, whatever crashes") {
  std::mt19937_64 random{6};
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    shape s;
    s.global = true;
    s.gap = 8 * static_cast<std::int64_t>(1 + random() % 10);
    s.out_of_order = static_cast<std::int64_t>(random() % 12);
    s.open = random() % 2 == 0;
    INFO("seed " << seed << ": retain " << s.gap << " out of order " << s.out_of_order);
    world{s, seed}.run(25);
  }
}
