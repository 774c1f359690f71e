// What steps that remember cost, at few and many keys: each event, and a checkpoint of all they know.
//
//     ninja -C build/release step_bench && build/release/step_bench
//
// CPU time of one thread, the best of several rounds that take turns. `none` is an event's whole way through
// a partition with a filter that reads all fields; the others say what the step behind it costs more.
#include "bench/keyed_events.hpp"
#include "pipeline/partition.hpp"

#include <algorithm>
#include <limits>

namespace {

using namespace tidemill;
using bench::cpu_ns, bench::events;

constexpr int rounds = 5;

struct cost {
  double event = std::numeric_limits<double>::max();     ///< ns
  double freeze = event, write = event, restore = event; ///< ms
  std::size_t bytes = 0;
  std::uint64_t keys = 0, dropped = 0, dead = 0;
};

cost run(const std::shared_ptr<const plan>& p, const std::vector<record_batch_ptr>& batches) {
  cost c;
  partition worker{p, 0, partition_id{0}, false, {}};
  std::vector<emission> out;
  auto at = cpu_ns();
  auto lap = [&] {
    const auto now = cpu_ns();
    return now - std::exchange(at, now);
  };
  for (const auto& batch : batches) {
    out.clear();
    worker.apply(batch, out);
  }
  c.event = lap() / static_cast<double>(events);
  const auto state = worker.snapshot();
  c.freeze = lap() / 1e6;
  std::vector<std::string> pieces;
  const offset_range all{0, std::numeric_limits<offset>::max()};
  (void)state->write({&all, 1}, 1u << 20, [&](std::string_view piece, std::uint64_t) -> status {
    pieces.emplace_back(piece);
    return {};
  });
  c.write = lap() / 1e6;
  partition again{p, 0, partition_id{0}, false, {}};
  const auto restored = again.restore(
      worker.position(), state->core(),
      [&](const auto& each) -> status {
        for (const auto& piece : pieces)
          TIDEMILL_CHECK(each(piece));
        return {};
      },
      [](const std::string&) { return true; });
  c.restore = lap() / 1e6;
  if (!restored || again.steps() != worker.steps())
    std::fprintf(stderr, "the state isn't restored\n");
  c.bytes = state->core().size();
  for (const auto& piece : pieces)
    c.bytes += piece.size();
  for (const auto& s : worker.steps()) {
    c.keys += s.keys;
    c.dropped += s.dropped;
  }
  c.dead = worker.counts().dead;
  return c;
}

void keep_best(cost& best, const cost& now) {
  const auto before = best;
  best = now;
  best.event = std::min(before.event, now.event);
  best.freeze = std::min(before.freeze, now.freeze);
  best.write = std::min(before.write, now.write);
  best.restore = std::min(before.restore, now.restore);
}

} // namespace

int main() {
  const std::vector<std::pair<const char*, std::string>> steps{
      {"none", ""},
      {"dedup, all new", "dedup: {by: [k, id], within: 1m}"},
      {"dedup by k", "dedup: {by: k, within: 1s}"},
      {"rate_limit", "rate_limit: {by: k, events: 1000000, per: 1m}"},
      {"rate_limit, drop", "rate_limit: {by: k, events: 2, per: 1s, on_limit: drop}"},
      {"score", "score: {by: k, max_keys: 1000000, set: {odd: {model: seasonal_profile, value: x}}}"}};
  for (auto keys : {1'000u, 100'000u}) {
    const auto batches = bench::make_batches(keys);
    std::vector<cost> best(steps.size());
    for (int i = 0; i < rounds; ++i)
      for (std::size_t s = 0; s < steps.size(); ++s) {
        const auto p =
            bench::compiled(bench::source_yaml +
                            "streams: {t: {from: s, steps: [{filter: 'size(k) > 0 && id >= 0 && x >= 0'}, {" +
                            steps[s].second + "}]}}\n");
        if (!p)
          return 1;
        keep_best(best[s], run(p, batches));
      }
    std::printf("%u keys               ns/event   held   dropped  checkpoint: bytes  freeze ms  write ms  "
                "restore ms\n",
                keys);
    for (std::size_t s = 0; s < steps.size(); ++s) {
      const auto& c = best[s];
      std::printf("  %-20s %8.1f %8llu %8llu %18zu %10.3f %9.1f %11.1f\n", steps[s].first,
                  s == 0 ? c.event : c.event - best[0].event, static_cast<unsigned long long>(c.keys),
                  static_cast<unsigned long long>(c.dropped), c.bytes, c.freeze, c.write, c.restore);
    }
  }
  return 0;
}
