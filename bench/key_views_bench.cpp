// What views of many keys cost that keep something of each: latest, session and global ones, and a tumbling
// one beside them. Apart: the worker (decode, panes, flush) and the view (merge, log, rows).
//
//     ninja -C build/release key_views_bench && build/release/key_views_bench [KIND…]
//
// KIND is the beginning of a name below: only these.
//
// CPU time of one thread, the best of several rounds that take turns, so that a neighbour disturbs all alike.
#include "actors/platform.hpp"
#include "config/load.hpp"
#include "pipeline/partition.hpp"
#include "pipeline/view.hpp"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace tidemill;

constexpr int rounds = 5;
constexpr std::size_t batch_records = 1024, batches_per_flush = 10;
constexpr std::int64_t events = 500'000, events_per_second = 20'000;

double cpu_ns() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

std::vector<record_batch_ptr> make_batches(unsigned keys) {
  std::mt19937_64 random{1};
  std::vector<record_batch_ptr> all;
  for (std::int64_t i = 0; i < events;) {
    auto text = std::make_shared<std::string>();
    auto batch = std::make_shared<record_batch>();
    batch->begin = static_cast<offset>(i);
    std::vector<std::size_t> ends;
    for (; i < events && ends.size() < batch_records; ++i) {
      *text += R"({"ts":)" + std::to_string(1'700'000'000'000 + i * 1000 / events_per_second) +
               R"(,"k":"customer-)" + std::to_string(random() % keys) + R"(","x":)" +
               std::to_string(random() % 10'000) + '}';
      ends.push_back(text->size());
    }
    for (std::size_t r = 0, from = 0; r < ends.size(); from = ends[r++])
      batch->records.push_back({std::string_view{*text}.substr(from, ends[r] - from), batch->begin + r,
                                batch->begin + r + 1, std::nullopt});
    batch->end = static_cast<offset>(i);
    batch->memory = text;
    all.push_back(std::move(batch));
  }
  return all;
}

std::shared_ptr<const plan> plan_of(const std::string& view) {
  auto yaml = R"(
pipeline: bench
sources: {s: {type: file, path: none, schema: {ts: timestamp_ms, k: string, x: int}, time: {field: ts, out_of_order: 1s}}}
views: {v: {from: s, by: [k], )" +
              view + "}}\n";
  auto loaded = load_text(yaml, "bench.yaml", [](std::string_view) { return std::nullopt; });
  auto made = compile(loaded.pipeline, loaded.diagnostics);
  for (const auto& d : loaded.diagnostics)
    std::fprintf(stderr, "%s\n", to_string(d, "bench.yaml").c_str());
  return made;
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
    auto t = merger.tick(true);
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
    const auto batches = make_batches(keys);
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
