// What an event costs in a sliding window of 10 s at different slides: decode, panes, flush, merge, rows.
//
//     ninja -C build/release sliding_bench && build/release/sliding_bench [keys [plain]]
//
// CPU time of one thread, the best of several rounds that take turns, so that a neighbour disturbs all alike.
#include "actors/platform.hpp"
#include "config/load.hpp"
#include "pipeline/partition.hpp"
#include "pipeline/view.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace tidemill;

constexpr int rounds = 9;
constexpr std::size_t batch_records = 1024, batches_per_flush = 10;
constexpr std::int64_t events = 500'000, events_per_second = 20'000;

double cpu_ns() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

std::vector<record_batch_ptr> make_batches(int keys) {
  std::mt19937_64 random{1};
  std::vector<record_batch_ptr> all;
  for (std::int64_t i = 0; i < events;) {
    auto text = std::make_shared<std::string>();
    auto batch = std::make_shared<record_batch>();
    batch->begin = static_cast<offset>(i);
    std::vector<std::size_t> ends;
    for (; i < events && ends.size() < batch_records; ++i) {
      *text += R"({"ts":)" + std::to_string(1'700'000'000'000 + i * 1000 / events_per_second) +
               R"(,"k":"key)" + std::to_string(random() % static_cast<unsigned>(keys)) + R"(","x":)" +
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

std::shared_ptr<const plan> plan_of(const std::string& window, const std::string& select) {
  auto yaml = R"(
pipeline: bench
sources: {s: {type: file, path: none, schema: {ts: timestamp_ms, k: string, x: int}, time: {field: ts, out_of_order: 1s}}}
views: {v: {from: s, by: [k], window: )" +
              window + ", select: " + select + "}}\n";
  auto loaded = load_text(yaml, "bench.yaml", [](std::string_view) { return std::nullopt; });
  auto made = compile(loaded.pipeline, loaded.diagnostics);
  for (const auto& d : loaded.diagnostics)
    std::fprintf(stderr, "%s\n", to_string(d, "bench.yaml").c_str());
  return made;
}

/// ns per event, and how many rows became final.
std::pair<double, std::size_t> walk(const std::shared_ptr<const plan>& p,
                                    const std::vector<record_batch_ptr>& batches) {
  partition worker{p, 0, partition_id{0}, false, {}};
  view merger{p, 0, 0, 1, 1};
  worker.open(0, merger.open(partition_id{0}, 1));
  std::vector<emission> out;
  std::size_t rows = 0;
  auto from = cpu_ns();
  for (std::size_t i = 0; i < batches.size(); ++i) {
    out.clear();
    worker.apply(batches[i], out);
    if (i % batches_per_flush + 1 != batches_per_flush)
      continue;
    for (const auto& piece : worker.flush(0))
      (void)merger.receive(piece);
    auto t = merger.tick(false);
    for (const auto& [end, of_window] : t.sealed)
      rows += of_window.size();
    for (const auto& [partition, ack] : t.acks)
      worker.acked(0, ack);
  }
  return {(cpu_ns() - from) / static_cast<double>(events), rows};
}

void compare(int keys, const std::string& select) {
  auto batches = make_batches(keys);
  const std::vector<std::string> windows{"{size: 10s}", "{size: 10s, slide: 1s}",
                                         "{size: 10s, slide: 100ms}"};
  std::vector<std::shared_ptr<const plan>> plans;
  for (const auto& w : windows)
    plans.push_back(plan_of(w, select));
  std::vector<double> best(windows.size(), std::numeric_limits<double>::max());
  std::vector<std::size_t> rows(windows.size());
  for (int i = 0; i < rounds; ++i)
    for (std::size_t w = 0; w < windows.size(); ++w) {
      auto [ns, made] = walk(plans[w], batches);
      best[w] = std::min(best[w], ns);
      rows[w] = made;
    }
  std::printf("%d keys, %lld events/s of event time, %s\n", keys, static_cast<long long>(events_per_second),
              select.c_str());
  for (std::size_t w = 0; w < windows.size(); ++w)
    std::printf("  %-28s %7.1f ns/event   %8zu rows, one for %.0f events\n", windows[w].c_str(), best[w],
                rows[w],
                static_cast<double>(events) / static_cast<double>(std::max<std::size_t>(rows[w], 1)));
}

} // namespace

int main(int argc, char** argv) {
  const std::string plain = "{n: 'count()', total: 'sum(x)', most: 'max(x)'}";
  const std::string sketches = "{n: 'count()', p99: 'quantile(x, 0.99)', some: 'distinct(x)'}";
  const auto wanted = argc > 1 ? std::atoi(argv[1]) : 0;
  for (auto keys : {1, 10, 100})
    if (wanted == 0 || wanted == keys) {
      compare(keys, plain);
      if (argc < 3)
        compare(keys, sketches);
    }
  return 0;
}
