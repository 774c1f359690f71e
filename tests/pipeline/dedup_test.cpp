#include "tests/pipeline/step_world.hpp"

#include <map>

using namespace tidemill;
using namespace tidemill::test;
using std::chrono::seconds;

namespace {

component dedup(std::int64_t within, std::int64_t max_keys = 1'000'000, const char* on_full = "dead") {
  return {{},
          "dedup",
          section({{"by", texts_option({"k"})},
                   {"within", time_option(seconds{within})},
                   {"max_keys", {{}, max_keys}},
                   {"on_full", text_option(on_full)}})};
}

using line = step_world::line;

/// Out of order, sometimes far.
std::vector<line> random_lines(std::mt19937_64& random, std::size_t n, std::size_t keys) {
  std::vector<line> lines;
  std::int64_t t = -50; // also before 1970
  for (std::size_t i = 0; i < n; ++i) {
    t += static_cast<std::int64_t>(random() % 3);
    if (random() % 100 == 0)
      t += 60;
    auto back = static_cast<std::int64_t>(random() % 4 == 0 ? random() % 25 : random() % 3);
    lines.push_back({t - back, "k" + std::to_string(random() % keys), 0});
  }
  return lines;
}

/// What passes, by looking at all that has passed before.
struct naive {
  std::vector<offset> passed;
  std::vector<offset> dead;
  std::uint64_t dropped = 0;

  naive(const std::vector<line>& lines, std::int64_t within, std::int64_t out_of_order) {
    std::map<std::string, std::vector<std::int64_t>> times;
    std::int64_t newest = -1'000'000;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      auto watermark = newest - out_of_order;
      auto t = lines[i].t;
      newest = std::max(newest, t);
      auto& before = times[lines[i].key];
      if (t < watermark - within) {
        dead.push_back(i);
      } else if (std::ranges::any_of(before, [&](auto b) { return std::abs(b - t) <= within; })) {
        ++dropped;
      } else {
        passed.push_back(i);
        before.push_back(t);
      }
    }
  }
};

} // namespace

TEST_CASE("dedup passes what a search through all earlier events passes") {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    std::mt19937_64 random{seed};
    auto within = static_cast<std::int64_t>(1 + random() % 20);
    auto out_of_order = static_cast<std::int64_t>(random() % 8);
    auto lines = random_lines(random, 200, 1 + random() % 12);
    auto got = step_world{{dedup(within)}, out_of_order}.run(lines);
    auto want = naive{lines, within, out_of_order};
    if (got.passed != want.passed || got.totals.dropped != want.dropped ||
        got.dead.size() != want.dead.size())
      FAIL("seed " << seed);
  }
}

TEST_CASE("what dedup remembers doesn't depend on how batches are cut, or on restarts") {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    std::mt19937_64 random{seed};
    step_world world{{dedup(static_cast<std::int64_t>(1 + random() % 40))}, 3};
    auto lines = random_lines(random, 1200, 1 + random() % 1000);
    auto whole = world.run(lines);
    if (whole != world.run(lines, &random))
      FAIL("seed " << seed << ": cutting changes the result");
    auto restarted = world.run(lines, &random, true);
    if (whole != restarted)
      FAIL("seed " << seed << ": a restart changes the result");
  }
}

TEST_CASE("dedup forgets what no event can repeat any more") {
  step_world world{{dedup(10)}};
  std::vector<line> lines;
  for (std::int64_t t = 0; t < 10'000; ++t)
    lines.push_back({t, "k" + std::to_string(t), 0});
  auto got = world.run(lines);
  CHECK(got.passed.size() == lines.size());
  CHECK(got.totals.keys <= 40);
  CHECK(got.totals.keys >= 20);
  std::size_t bytes = 0;
  for (const auto& w : got.state.writes)
    for (const auto& piece : w.pieces)
      bytes += piece.size();
  CHECK(bytes < 40 * 32 + 200);
}

TEST_CASE("an event far behind the watermark can't be judged and is a dead letter") {
  auto got = step_world{{dedup(10)}}.run({{100, "a", 0}, {89, "b", 0}, {90, "b", 0}, {91, "b", 0}});
  CHECK(got.passed == std::vector<offset>{0, 2});
  REQUIRE(got.dead.size() == 1);
  CHECK(got.dead[0].starts_with("1 "));
  CHECK(got.dead[0].find("\"code\":2007") != std::string::npos);
  CHECK(got.totals.dropped == 1);
}

TEST_CASE("with max_keys remembered new keys are dead letters, or pass unjudged, and known ones are judged") {
  std::vector<line> lines{{1, "a", 0}, {2, "b", 0},  {3, "c", 0}, {4, "a", 0},
                          {5, "c", 0}, {60, "c", 0}, {61, "c", 0}};
  auto strict = step_world{{dedup(10, 2)}}.run(lines);
  CHECK(strict.passed == std::vector<offset>{0, 1, 6});
  REQUIRE(strict.dead.size() == 3); // the watermark before the line of 60 is 5
  CHECK(strict.dead[0].find("\"code\":3005") != std::string::npos);
  CHECK(strict.totals == step_totals{1, 1});
  auto lax = step_world{{dedup(10, 2, "pass")}}.run(lines);
  CHECK(lax.passed == std::vector<offset>{0, 1, 2, 4, 5, 6});
  CHECK(lax.dead.empty());
}

TEST_CASE("a dedup of another definition starts empty") {
  std::vector<line> lines{{1, "a", 0}, {2, "a", 0}};
  auto saved = step_world{{dedup(10)}}.run(lines);
  auto restart = [&](const step_world& world) {
    auto worker = world.make();
    auto done = worker->restore(20, saved.state.core, saved.state.pieces(), [](auto&) { return true; });
    REQUIRE(done.has_value());
    return worker->steps().front();
  };
  CHECK(restart(step_world{{dedup(10)}}) == step_totals{1, 1});
  CHECK(restart(step_world{{dedup(11)}}) == step_totals{0, 0});
}

TEST_CASE("damaged state of a step is refused or gives a usable one, and a missing piece is noticed") {
  step_world world{{dedup(1000)}};
  std::vector<line> lines;
  for (int i = 0; i < 40; ++i)
    lines.push_back({i, "k" + std::to_string(i), 0});
  auto saved = world.run(lines).state;
  auto all = [](auto&) { return true; };
  kept_state none{saved.core, {}};
  CHECK_FALSE(world.make()->restore(400, none.core, none.pieces(), all).has_value());
  auto worker = world.make();
  worker->start(0);
  std::vector<emission> out;
  worker->apply(step_world::batch_of(lines, 0, 40), out);
  auto frozen = worker->snapshot();
  kept_state newer{frozen->core(), {write_ranges(*frozen, {{100, 400}})}};
  CHECK_FALSE(world.make()->restore(400, newer.core, newer.pieces(), all).has_value());
  std::mt19937_64 random{7};
  for (int i = 0; i < 3000; ++i) {
    auto bytes = saved.writes[0].pieces[0];
    bytes[random() % bytes.size()] = static_cast<char>(random());
    if (random() % 3 == 0)
      bytes.resize(random() % bytes.size());
    kept_state damaged{saved.core, {{{}, {bytes}}}};
    auto again = world.make();
    if (again->restore(400, damaged.core, damaged.pieces(), all))
      (void)keep_all(*again->snapshot());
  }
}
