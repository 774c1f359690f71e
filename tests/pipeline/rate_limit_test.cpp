#include "tests/pipeline/step_world.hpp"

#include <map>

using namespace tidemill;
using namespace tidemill::test;
using std::chrono::seconds;

namespace {

using line = step_world::line;

component rate_limit(std::int64_t events, std::int64_t per, const char* on_limit = "dead",
                     std::int64_t max_keys = 1'000'000) {
  return {{},
          "rate_limit",
          section({{"by", texts_option({"k"})},
                   {"events", {{}, events}},
                   {"per", time_option(seconds{per})},
                   {"on_limit", text_option(on_limit)},
                   {"max_keys", {{}, max_keys}}})};
}

std::vector<line> random_lines(std::mt19937_64& random, std::size_t n, std::size_t keys) {
  std::vector<line> lines;
  std::int64_t t = -30; // also before 1970
  for (std::size_t i = 0; i < n; ++i) {
    t += static_cast<std::int64_t>(random() % 2);
    auto back = static_cast<std::int64_t>(random() % 4 == 0 ? random() % 30 : random() % 3);
    lines.push_back({t - back, "k" + std::to_string(random() % keys), 0});
  }
  return lines;
}

std::int64_t period_of(std::int64_t t, std::int64_t per) {
  return t >= 0 ? t / per : -((-t + per - 1) / per);
}

} // namespace

TEST_CASE("a limit lets the first events of each key and period pass, however late they are") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    std::mt19937_64 random{seed};
    auto events = static_cast<std::int64_t>(1 + random() % 4);
    auto per = static_cast<std::int64_t>(1 + random() % 20);
    auto lines = random_lines(random, 200, 1 + random() % 6);
    std::map<std::pair<std::int64_t, std::string>, std::int64_t> counts;
    std::vector<offset> passed;
    std::size_t dead = 0, over = 0;
    std::int64_t watermark = -1'000'000;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      auto& n = counts[{period_of(lines[i].t, per), lines[i].key}];
      if (lines[i].t < watermark - per)
        ++dead;
      else if (n == events)
        ++over;
      else
        ++n, passed.push_back(i);
      watermark = std::max(watermark, lines[i].t);
    }
    auto strict = step_world{{rate_limit(events, per)}}.run(lines);
    auto lax = step_world{{rate_limit(events, per, "drop")}}.run(lines);
    if (strict.passed != passed || lax.passed != passed || strict.dead.size() != dead + over ||
        lax.dead.size() != dead || lax.totals.dropped != over || strict.totals.dropped != 0)
      FAIL("seed " << seed);
  }
}

TEST_CASE("what a limit has counted doesn't depend on how batches are cut, or on restarts") {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    std::mt19937_64 random{seed};
    step_world world{{rate_limit(static_cast<std::int64_t>(1 + random() % 5),
                                 static_cast<std::int64_t>(1 + random() % 60), "drop", 500)},
                     4};
    auto lines = random_lines(random, 1200, 1 + random() % 900);
    auto whole = world.run(lines);
    if (whole != world.run(lines, &random))
      FAIL("seed " << seed << ": cutting changes the result");
    if (whole != world.run(lines, &random, true))
      FAIL("seed " << seed << ": a restart changes the result");
  }
}
