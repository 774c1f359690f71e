// What views of many keys cost that keep something of each: latest, session and global ones, and a tumbling
// one beside them. Apart: the worker (decode, panes, flush) and the view (merge, log, rows).
//
//     ninja -C build/release key_views_bench && build/release/key_views_bench [KIND…]
//
// KIND is the beginning of a name below: only these.
//
// CPU time of one thread, the best of several rounds that take turns, so that a neighbour disturbs all alike.
#include "bench/keyed_events.hpp"
#include "pipeline/partition.hpp"
#include "pipeline/view.hpp"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace {

using namespace tidemill;
using bench::cpu_ns, bench::events;

constexpr int rounds = 5;
constexpr std::size_t batches_per_flush = 10;

std::shared_ptr<const plan> plan_of(const std::string& view) {
  return bench::compiled(bench::source_yaml + "views: {v: {from: s, by: [k], " + view + "}}\n");
}

struct cost {
  double worker = 0, view = 0; ///< ns per event
};

cost walk(const std::shared_ptr<const plan>& p, const std::vector<record_batch_ptr>& batches) {
  partition worker{p, 0, partition_id{0}, false, {}};
  view merger{p, 0, 0, 1, 1};
  worker.open(0, merger.open(partition_id{0}, 1));
  std::vector<emission> out;
  cost all;
  auto at = cpu_ns();
  auto lap = [&](double& to) {
    const auto now = cpu_ns();
    to += (now - at) / static_cast<double>(events);
    at = now;
  };
  for (std::size_t i = 0; i < batches.size(); ++i) {
    out.clear();
    worker.apply(batches[i], out);
    if (i % batches_per_flush + 1 != batches_per_flush)
      continue;
    const auto pieces = worker.flush(0);
    lap(all.worker);
    for (const auto& piece : pieces)
      (void)merger.receive(piece);
    auto t = merger.tick(false);
    lap(all.view);
    for (const auto& [partition, ack] : t.acks)
      worker.acked(0, ack);
  }
  lap(all.worker);
  return all;
}

} // namespace

int main(int argc, char** argv) {
  std::vector<std::pair<std::string, std::string>> views{
      {"tumbling 1 s", "window: {size: 1s}, select: {n: 'count()', total: 'sum(x)'}"},
      {"tumbling 1 s, late 5 s", "window: {size: 1s, lateness: 5s}, select: {n: 'count()', total: 'sum(x)'}"},
      {"sliding 5 s by 1 s", "window: {size: 5s, slide: 1s}, select: {n: 'count()', total: 'sum(x)'}"},
      {"sliding 5 s, late 5 s",
       "window: {size: 5s, slide: 1s, lateness: 5s}, select: {n: 'count()', total: 'sum(x)'}"},
      {"session, gap 1 s", "window: {session: 1s}, select: {n: 'count()', total: 'sum(x)'}"},
      {"global", "window: global, retain: 1h, select: {n: 'count()', total: 'sum(x)'}"},
      {"latest", "window: latest, select: {x: x, at: ts}"},
      {"latest, retain 5 s", "window: latest, select: {x: x, at: ts}, retain: 5s"}};
  const std::vector<std::string> wanted(argv + 1, argv + argc);
  if (!wanted.empty())
    std::erase_if(views, [&](const auto& v) {
      return std::ranges::none_of(wanted, [&](const auto& w) { return v.first.starts_with(w); });
    });
  for (auto keys : {1'000u, 100'000u}) {
    const auto batches = bench::make_batches(keys);
    std::vector<cost> best(views.size(), cost{1e9, 1e9});
    for (int i = 0; i < rounds; ++i)
      for (std::size_t v = 0; v < views.size(); ++v) {
        const auto now = walk(plan_of(views[v].second), batches);
        best[v] = {std::min(best[v].worker, now.worker), std::min(best[v].view, now.view)};
      }
    std::printf("%u keys                 ns/event: worker     view\n", keys);
    for (std::size_t v = 0; v < views.size(); ++v)
      std::printf("  %-24s %14.1f %8.1f\n", views[v].first.c_str(), best[v].worker, best[v].view);
  }
  return 0;
}
