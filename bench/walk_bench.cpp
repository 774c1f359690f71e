// What an event costs on its walk, stage by stage: decode, steps, windows, flush and merge, and the hop
// between actors.
//
//     ninja -C build/release walk_bench && build/release/walk_bench [access.log]
//
// Each figure is the best of several rounds on one thread; run it on a quiet machine.
#include "actors/components.hpp"
#include "actors/platform.hpp"
#include "config/load.hpp"
#include "pipeline/partition.hpp"
#include "pipeline/view.hpp"
#include "storage/generate/generate_source.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <functional>
#include <future>
#include <iterator>
#include <sstream>

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tidemill::record_batch_ptr)

namespace {

using namespace tidemill;

constexpr int rounds = 7;
constexpr std::size_t batch_records = 1024;

double best_ns(std::size_t events, const std::function<void()>& run) {
  double best = 1e300;
  for (int i = 0; i < rounds; ++i) {
    auto from = std::chrono::steady_clock::now();
    run();
    best = std::min(
        best, std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - from).count());
  }
  return best / static_cast<double>(events);
}

std::vector<record_batch_ptr> cut_lines(const std::shared_ptr<const std::string>& text) {
  std::vector<record_batch_ptr> batches;
  auto batch = std::make_shared<record_batch>();
  for (std::size_t at = 0; at < text->size();) {
    auto end = text->find('\n', at);
    end = end == std::string::npos ? text->size() : end;
    batch->records.push_back({std::string_view{*text}.substr(at, end - at), at, end + 1, std::nullopt});
    batch->end = end + 1;
    at = end + 1;
    if (batch->records.size() == batch_records || at >= text->size()) {
      batch->memory = text;
      batches.push_back(batch);
      batch = std::make_shared<record_batch>();
      batch->begin = batch->end = at;
    }
  }
  return batches;
}

std::shared_ptr<const plan> plan_of(const std::string& yaml) {
  auto loaded = load_text(yaml, "bench.yaml", [](std::string_view) { return std::nullopt; });
  auto made = compile(loaded.pipeline, loaded.diagnostics);
  for (const auto& d : loaded.diagnostics)
    std::fprintf(stderr, "%s\n", to_string(d, "bench.yaml").c_str());
  return made;
}

/// All batches through a fresh partition; with a view that takes a flush after every tenth batch, if `merge`.
void walk(const std::shared_ptr<const plan>& p, const std::vector<record_batch_ptr>& batches, bool merge) {
  partition worker{p, 0, partition_id{0}, false, {}};
  std::vector<std::unique_ptr<view>> views;
  for (std::size_t v = 0; v < p->sources[0].views.size(); ++v) {
    views.push_back(std::make_unique<view>(p, 0, v, 1, 1));
    worker.open(v, views[v]->open(partition_id{0}, 1));
  }
  std::vector<emission> out;
  for (std::size_t i = 0; i < batches.size(); ++i) {
    out.clear();
    worker.apply(batches[i], out);
    if (!merge || i % 10 != 9)
      continue;
    for (std::size_t v = 0; v < views.size(); ++v) {
      for (const auto& piece : worker.flush(v))
        (void)views[v]->receive(piece);
      for (const auto& [from, ack] : views[v]->tick(true).acks)
        worker.acked(v, ack);
    }
  }
}

double hop_ns(const std::vector<record_batch_ptr>& batches, std::size_t events) {
  caf::actor_system_config config;
  config.set("scheduler.policy", caf::atom("sharing"));
  caf::actor_system system{config};
  return best_ns(events, [&] {
    std::promise<void> done;
    auto sink = system.spawn([&](caf::event_based_actor* self) -> caf::behavior {
      auto seen = std::make_shared<std::size_t>(0);
      return {[&done, seen, self, all = batches.size()](const record_batch_ptr&) {
        if (++*seen == all) {
          done.set_value();
          self->quit();
        }
      }};
    });
    for (const auto& b : batches)
      caf::anon_send(sink, b);
    done.get_future().wait();
  });
}

void report(const char* name, const std::string& yaml, const std::vector<record_batch_ptr>& batches) {
  std::size_t events = 0, bytes = 0;
  for (const auto& b : batches)
    for (const auto& r : b->records) {
      ++events;
      bytes += r.bytes.size();
    }
  auto full = plan_of(yaml);
  if (!full)
    return;
  auto only = [&](bool steps, bool views) {
    auto some = std::make_shared<plan>(*full);
    if (!views)
      some->sources[0].views.clear();
    if (!steps)
      some->sources[0].streams.resize(1);
    std::erase_if(some->sources[0].outputs, [&](const output_plan& o) {
      return (!views && o.kind == output_kind::late) || (!steps && o.kind == output_kind::dead && o.of > 0);
    });
    return std::shared_ptr<const plan>{some};
  };
  auto decode = best_ns(events, [&] { walk(only(false, false), batches, false); });
  auto steps = best_ns(events, [&] { walk(only(true, false), batches, false); });
  auto windows = best_ns(events, [&] { walk(full, batches, false); });
  auto merged = best_ns(events, [&] { walk(full, batches, true); });
  auto hop = hop_ns(batches, events);
  std::printf("%s: %zu events of %zu bytes on average\n", name, events, bytes / events);
  std::printf("  decode and watermark    %7.1f ns/event\n", decode);
  std::printf("  + steps                 %7.1f\n", steps);
  std::printf("  + windows               %7.1f\n", windows);
  std::printf("  + flush, merge, seal    %7.1f   = %.2f M events/s on one core\n", merged, 1000 / merged);
  std::printf("  actor hop per event     %7.2f   = %.1f %% of the walk (batches of %zu)\n", hop,
              100 * hop / merged, batch_records);
}

constexpr const char* clicks = R"(
pipeline: bench
sources:
  clicks: {type: generate, time: {field: ts, out_of_order: 5s, max_future: 10m}}
streams:
  hits:
    from: clicks
    steps:
      - filter: 'page != "/health"'
      - set: {section: 'page.split("/")[?1].orValue("")', failed: 'status >= 500'}
views:
  traffic:
    from: hits
    by: [section]
    window: {size: 1m, slide: 5s, lateness: 10s}
    select: {requests: 'count()', errors: 'count_if(failed)', p99: 'quantile(took_ms, 0.99)', visitors: 'distinct(user)'}
)";

constexpr const char* access_lines = R"(
pipeline: bench
sources:
  log: {type: file, path: unused, format: combined_log, time: {field: ts, out_of_order: 60s}}
streams:
  hits:
    from: log
    steps:
      - filter: 'method == "GET"'
      - set: {section: 'path.split("/")[?1].orValue("")'}
views:
  hourly:
    from: hits
    by: [section]
    window: {size: 1h}
    select: {requests: 'count()', bytes: 'sum(bytes)', missing: 'count_if(status == 404)', clients: 'distinct(ip)'}
)";

} // namespace

int main(int argc, char** argv) {
  generate_settings g;
  g.name = "clicks";
  g.partitions = 1;
  g.rate = 0;
  g.events = 200'000;
  auto source = make_generate_source(g);
  std::vector<record_batch_ptr> batches;
  std::vector<polled> got;
  for (auto end = false; source && !end;) {
    got.clear();
    if (!(*source)->poll({partition_id{0}}, 256u << 10, std::chrono::milliseconds{10}, got))
      return 1;
    for (const auto& what : got)
      if (const auto* b = std::get_if<record_batch_ptr>(&what))
        batches.push_back(*b);
      else
        end = true;
  }
  report("clickstream, JSON", clicks, batches);
  if (argc < 2)
    return 0;
  std::ifstream in{argv[1], std::ios::binary};
  std::string one{std::istreambuf_iterator<char>{in}, {}};
  report("access log", access_lines, cut_lines(std::make_shared<const std::string>(std::move(one))));
  return 0;
}
