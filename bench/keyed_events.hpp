#pragma once

#include "actors/platform.hpp"
#include "config/load.hpp"
#include "event/batch.hpp"
#include "pipeline/plan.hpp"

#include <cstdint>
#include <cstdio>
#include <ctime>
#include <memory>
#include <random>
#include <string>
#include <vector>

/// Events of many keys, for measuring what is kept of each.
namespace tidemill::bench {

constexpr std::int64_t events = 500'000, events_per_second = 20'000;

/// CPU time of this thread.
inline double cpu_ns() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

/// Events as JSON in batches of 1,024: ts, k (of so many keys, in no order), id (of each event its own), x.
inline std::vector<record_batch_ptr> make_batches(unsigned keys) {
  constexpr std::size_t batch_records = 1024;
  std::mt19937_64 random{1};
  std::vector<record_batch_ptr> all;
  for (std::int64_t i = 0; i < events;) {
    auto text = std::make_shared<std::string>();
    auto batch = std::make_shared<record_batch>();
    batch->begin = static_cast<offset>(i);
    std::vector<std::size_t> ends;
    for (; i < events && ends.size() < batch_records; ++i) {
      *text += R"({"ts":)" + std::to_string(1'700'000'000'000 + i * 1000 / events_per_second) +
               R"(,"k":"customer-)" + std::to_string(random() % keys) + R"(","id":)" + std::to_string(i) +
               R"(,"x":)" + std::to_string(random() % 10'000) + '}';
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

/// The beginning of a pipeline over them.
inline const std::string source_yaml = R"(
pipeline: bench
sources:
  s:
    type: file
    path: none
    schema: {ts: timestamp_ms, k: string, id: int, x: int}
    time: {field: ts, out_of_order: 1s}
)";

/// Null, and told on standard error, if it has faults.
inline std::shared_ptr<const plan> compiled(const std::string& yaml) {
  auto loaded = load_text(yaml, "bench.yaml", [](std::string_view) { return std::nullopt; });
  auto made = compile(loaded.pipeline, loaded.diagnostics);
  for (const auto& d : loaded.diagnostics)
    std::fprintf(stderr, "%s\n", to_string(d, "bench.yaml").c_str());
  return made;
}

} // namespace tidemill::bench
