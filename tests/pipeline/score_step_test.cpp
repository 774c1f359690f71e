#include "pipeline/model/seasonal_profile.hpp"
#include "tests/pipeline/step_world.hpp"

#include <map>

using namespace tidemill;
using namespace tidemill::test;

namespace {

using line = step_world::line;

component score(std::int64_t max_keys) {
  auto model = section({{"model", text_option("seasonal_profile")},
                        {"value", text_option("x")},
                        {"threshold", {{}, 0.0}},
                        {"rate", {{}, 0.01}},
                        {"tolerance", {{}, 0.05}},
                        {"refractory", {{}, std::int64_t{1}}}});
  return {{},
          "score",
          section({{"by", texts_option({"k"})},
                   {"set", sections_option({{"odd", std::move(model)}})},
                   {"max_keys", {{}, max_keys}}})};
}

std::vector<line> random_lines(std::mt19937_64& random, std::size_t n, std::size_t keys) {
  std::vector<line> lines;
  for (std::size_t i = 0; i < n; ++i) {
    auto k = std::min(random() % keys, random() % keys);
    lines.push_back({static_cast<std::int64_t>(i * 60), "k" + std::to_string(k),
                     static_cast<double>(random() % 1000) + (random() % 40 == 0 ? 5000.0 : 0.0)});
  }
  return lines;
}

/// Two maps of models: when the young one is full the old one goes.
std::vector<double> naive(const std::vector<line>& lines, std::size_t max_keys) {
  std::map<std::string, seasonal_profile> young, old;
  seasonal_profile::settings s{.threshold = 0, .rate = 0.01, .tolerance = 0.05, .refractory = 1};
  std::vector<double> scores;
  for (const auto& l : lines) {
    if (!young.contains(l.key)) {
      auto past = old.contains(l.key) ? old.at(l.key) : seasonal_profile{s};
      if (young.size() >= (max_keys + 1) / 2) {
        old = std::move(young);
        young.clear();
      }
      young.emplace(l.key, std::move(past));
    }
    scores.push_back(young.at(l.key).score(event_time{std::chrono::seconds{l.t}}, l.x));
  }
  return scores;
}

double odd_in(const std::string& event) {
  auto at = event.find("\"odd\":");
  REQUIRE(at != std::string::npos);
  return std::stod(event.substr(at + 6));
}

} // namespace

TEST_CASE("a score on a stream is that of a model for each key, and the oldest keys begin anew") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    std::mt19937_64 random{seed};
    auto keys = 1 + random() % 20;
    auto lines = random_lines(random, 1500, keys);
    auto max_keys = 1 + random() % 20;
    auto got = step_world{{score(static_cast<std::int64_t>(max_keys))}}.run(lines);
    auto want = naive(lines, max_keys);
    REQUIRE(got.events.size() == want.size());
    for (std::size_t i = 0; i < want.size(); ++i)
      if (odd_in(got.events[i]) != Approx(want[i]).margin(1e-12))
        FAIL("seed " << seed << ", line " << i << ": " << got.events[i] << ", not " << want[i]);
    CHECK(got.totals.keys <= max_keys + 1);
    if (max_keys >= 2 * keys)
      CHECK(got.totals.keys <= keys);
  }
}

TEST_CASE("models of a stream don't depend on how batches are cut, or on restarts") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    std::mt19937_64 random{seed};
    step_world world{{score(static_cast<std::int64_t>(1 + random() % 300))}};
    auto lines = random_lines(random, 900, 1 + random() % 600);
    auto whole = world.run(lines);
    if (whole != world.run(lines, &random))
      FAIL("seed " << seed << ": cutting changes the result");
    if (whole != world.run(lines, &random, true))
      FAIL("seed " << seed << ": a restart changes the result");
  }
}
