// What a restart does, step by step, on one thread: checkpoints are read, workers filled, the view's log is
// read, all panes are sent and merged, rows are made and published. bench/recovery/run measures the whole.
//
//     ninja -C build/release recovery_bench && build/release/recovery_bench [keys]
//
// Each key has one sealed row, in the log, and one open pane, in the checkpoint of one of four partitions.
#include "actors/platform.hpp"
#include "config/load.hpp"
#include "pipeline/partition.hpp"
#include "pipeline/publication.hpp"
#include "pipeline/view.hpp"
#include "storage/checkpoint/checkpoint_store.hpp"
#include "storage/log/segment_log.hpp"

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace tidemill;

constexpr std::size_t partitions = 4, batch_records = 1000;
constexpr std::uint64_t begin_seconds = 1'699'999'200;

constexpr const char* yaml = R"(
pipeline: bench
sources:
  clicks: {type: file, path: unused, format: json, schema: {ts: timestamp_s, k: string, v: int}, time: {field: ts, out_of_order: 1m}}
views:
  hourly: {from: clicks, by: [k], window: {size: 1h}, emit: {every: 1s}, retain: 1h, select: {events: 'count()', total: 'sum(v)'}}
)";

std::shared_ptr<const plan> make_plan() {
  auto loaded = load_text(yaml, "bench.yaml", [](std::string_view) { return std::nullopt; });
  auto made = compile(loaded.pipeline, loaded.diagnostics);
  for (const auto& d : loaded.diagnostics)
    std::fprintf(stderr, "%s\n", to_string(d, "bench.yaml").c_str());
  return made;
}

/// Keys p, p + 4, … once in the first hour and once in the second.
void fill(partition& to, std::size_t p, std::size_t keys) {
  std::vector<emission> out;
  offset at = 0;
  for (std::size_t hour = 0; hour < 2; ++hour)
    for (auto key = p; key < keys;) {
      auto b = std::make_shared<record_batch>();
      auto text = std::make_shared<std::string>();
      std::vector<std::size_t> ends;
      for (; key < keys && ends.size() < batch_records; key += partitions) {
        char line[100];
        auto bytes = std::snprintf(line, sizeof line, R"({"ts":%llu,"k":"user-%07zu","v":%zu})",
                                   static_cast<unsigned long long>(begin_seconds + hour * 3600 + 600), key,
                                   key % 1000);
        text->append(line, static_cast<std::size_t>(bytes));
        ends.push_back(text->size());
      }
      b->begin = at;
      for (std::size_t from = 0; auto end : ends) {
        b->records.push_back({std::string_view{*text}.substr(from, end - from), at, at + 1, std::nullopt});
        ++at;
        from = end;
      }
      b->end = at;
      b->memory = text;
      to.apply(b, out);
    }
}

double milliseconds_of(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

class steps {
public:
  template <class Work>
  void measure(const char* what, Work&& work) {
    auto wall = milliseconds_of(CLOCK_MONOTONIC), own = milliseconds_of(CLOCK_THREAD_CPUTIME_ID);
    work();
    own = milliseconds_of(CLOCK_THREAD_CPUTIME_ID) - own;
    wall = milliseconds_of(CLOCK_MONOTONIC) - wall;
    std::printf("  %-34s wall %8.1f ms   own %8.1f ms   %6.0f MB resident\n", what, wall, own, resident_mb());
    total_ += own;
  }
  [[nodiscard]] double total() const { return total_; }

private:
  static double resident_mb() {
    std::size_t pages = 0, resident = 0;
    std::ifstream{"/proc/self/statm"} >> pages >> resident;
    return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE)) / 1e6;
  }
  double total_ = 0;
};

void require(const status& s) {
  if (s)
    return;
  std::fprintf(stderr, "%s\n", s.error().text().c_str());
  std::exit(1);
}

std::string key_of(std::size_t p) {
  return "clicks/" + std::to_string(p);
}

/// Leaves checkpoints and a view log, as a killed process does.
void prepare(const std::shared_ptr<const plan>& all, std::size_t keys, const std::filesystem::path& folder) {
  auto store = checkpoint_store::open(folder / "checkpoints").value();
  auto log =
      segment_log::open(folder / "view", {.segment_bytes = 16u << 20, .max_record = 256u << 20}).value();
  view merged{all, 0, 0, partitions, 1};
  auto head = merged.head();
  (void)log->append(std::vector<std::string_view>{head.begin(), head.end()}).value();
  for (std::size_t p = 0; p < partitions; ++p) {
    auto id = static_cast<partition_id>(p);
    partition worker{all, 0, id, false, {}};
    worker.open(0, merged.open(id, 1));
    fill(worker, p, keys);
    for (const auto& piece : worker.flush(0))
      (void)merged.receive(piece);
    checkpoint c;
    c.at = worker.position();
    c.source = "bench";
    c.state_ids["hourly"] = all->sources[0].views[0].state_id;
    c.state = worker.snapshot();
    require(store->save(key_of(p), c));
  }
  auto t = merged.tick(true);
  (void)log->append(std::vector<std::string_view>{t.log.begin(), t.log.end()}).value();
  require(log->sync());
}

/// In a process of its own: a restarted one has no memory yet that could be used again.
void prepare_apart(const std::shared_ptr<const plan>& all, std::size_t keys,
                   const std::filesystem::path& folder) {
  std::fflush(stdout);
  auto child = ::fork();
  if (child == 0) {
    prepare(all, keys, folder);
    ::_exit(0);
  }
  int how = 0;
  if (child < 0 || ::waitpid(child, &how, 0) != child || how != 0) {
    std::fprintf(stderr, "nothing could be prepared\n");
    std::exit(1);
  }
}

void recover(const std::shared_ptr<const plan>& all, const std::filesystem::path& folder) {
  const auto& plan_of_view = all->sources[0].views[0];
  steps s;
  auto store = checkpoint_store::open(folder / "checkpoints").value();
  auto log =
      segment_log::open(folder / "view", {.segment_bytes = 16u << 20, .max_record = 256u << 20}).value();
  view merged{all, 0, 0, partitions, 2};
  publication published{plan_of_view.schema, 1, partitions};
  std::vector<std::unique_ptr<checkpoint>> loaded(partitions);
  std::vector<std::unique_ptr<partition>> workers;
  std::vector<std::string> warnings;
  s.measure("checkpoints are read and checked", [&] {
    for (std::size_t p = 0; p < partitions; ++p)
      loaded[p] = store->load(key_of(p), warnings).value();
  });
  s.measure("workers are filled", [&] {
    for (std::size_t p = 0; p < partitions; ++p) {
      workers.push_back(std::make_unique<partition>(all, 0, static_cast<partition_id>(p), false,
                                                    partition::table_finder{}));
      require(workers[p]->restore(loaded[p]->at, loaded[p]->core, loaded[p]->pieces,
                                  [](const auto&) { return true; }));
    }
  });
  s.measure("the view's log is read", [&] {
    require(log->read(log->begin(), [&](std::uint64_t, std::string_view record) {
      require(merged.recover(record));
      return true;
    }));
  });
  s.measure("sealed rows are published", [&] {
    auto rows = merged.rows();
    published.apply({.put = rows});
  });
  std::vector<std::vector<link_flush>> flushes;
  s.measure("panes are sent", [&] {
    for (std::size_t p = 0; p < partitions; ++p) {
      workers[p]->open(0, merged.open(static_cast<partition_id>(p), 1));
      flushes.push_back(workers[p]->flush(0));
    }
  });
  s.measure("panes are merged", [&] {
    for (const auto& f : flushes)
      for (const auto& piece : f)
        (void)merged.receive(piece);
  });
  view_tick t;
  s.measure("open rows are made", [&] { t = merged.tick(true); });
  s.measure("open rows are published", [&] { published.apply({t.put, t.trim, t.watermark, t.prefix, {}}); });
  std::size_t rows = 0;
  for (const auto& b : published.current()->blocks)
    rows += b->rows.size();
  std::printf("  %zu rows, %.0f ms of the thread in all\n", rows, s.total());
}

} // namespace

int main(int argc, char** argv) {
  auto all = make_plan();
  if (!all)
    return 1;
  std::vector<std::size_t> counts{10'000, 100'000, 1'000'000};
  if (argc > 1)
    counts = {std::strtoull(argv[1], nullptr, 10)};
  for (auto keys : counts) {
    auto folder = std::filesystem::temp_directory_path() / ("tidemill-bench-" + std::to_string(::getpid()));
    std::printf("%zu keys\n", keys);
    prepare_apart(all, keys, folder);
    recover(all, folder);
    std::filesystem::remove_all(folder);
  }
  return 0;
}
