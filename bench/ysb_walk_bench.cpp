// What an event of the Yahoo Streaming Benchmark costs on its walk, stage by stage, beside a hand-written
// loop over simdjson and a hash map that does the same: nanoseconds of processor time on one thread, medians
// of interleaved rounds.
//
//     ninja -C build/release ysb_walk_bench && build/release/ysb_walk_bench [rounds [words of the stages]]
#include "bench/ysb/events.hpp"
#include "config/load.hpp"
#include "pipeline/partition.hpp"
#include "pipeline/publication.hpp"
#include "pipeline/view.hpp"
#include "storage/tables/row_table.hpp"

#include <boost/unordered/unordered_flat_map.hpp>
#include <simdjson.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>

namespace {

using namespace tidemill;

constexpr std::size_t events = 400'000;
constexpr std::size_t partitions = 4;
constexpr std::size_t batch_records = 1024;
constexpr std::size_t flush_batches = 64; // of all partitions together: 100 ms at 650,000 events a second

double cpu_ns() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

/// The records of one batch, in bytes of its own, as a source leaves them.
struct raw_batch {
  std::size_t partition = 0;
  offset begin = 0;
  std::string bytes;
  std::vector<std::uint32_t> ends;
};

struct world {
  std::vector<raw_batch> batches; // in the order of their arrival
  std::filesystem::path folder;
  std::shared_ptr<const plan> full;
  table_ptr table;
};

/// A source hands over a copy in memory that it has just written; here the same memory again and again.
class hand_over {
public:
  record_batch_ptr operator()(const raw_batch& raw) {
    auto& batch = pool_[next_++ % pool_.size()];
    if (!batch || batch.use_count() > 1)
      batch = std::make_shared<held>();
    batch->bytes.reserve(raw.bytes.size() + 64); // padding for simdjson
    batch->bytes.assign(raw.bytes);
    auto& b = batch->batch;
    b.partition = static_cast<partition_id>(raw.partition);
    b.begin = raw.begin;
    b.end = raw.begin + raw.ends.size();
    b.records.clear();
    std::size_t from = 0;
    for (std::size_t i = 0; i < raw.ends.size(); ++i) {
      record r;
      r.bytes = std::string_view{batch->bytes}.substr(from, raw.ends[i] - from);
      r.at = raw.begin + i;
      r.end = r.at + 1;
      b.records.push_back(r);
      from = raw.ends[i];
    }
    b.bytes = raw.bytes.size();
    return {batch, &b};
  }

private:
  struct held {
    std::string bytes;
    record_batch batch;
  };
  std::array<std::shared_ptr<held>, 2> pool_;
  std::size_t next_ = 0;
};

constexpr const char* pipeline_text = R"(
pipeline: ysb
sources:
  ads:
    type: http
    schema: {user_id: string, page_id: string, ad_id: string, ad_type: string, event_type: string, event_time: timestamp_ms, ip_address: string}
    time: {field: event_time, out_of_order: 100ms}
tables:
  campaigns: {type: csv, path: campaigns.csv, key: ad_id}
streams:
  views:
    from: ads
    steps:
      - filter: 'event_type == "view"'
      - lookup: {table: campaigns, key: ad_id, set: {campaign_id: campaign_id}}
views:
  counts:
    from: views
    by: [campaign_id]
    window: {size: 10s}
    select: {views: 'count()'}
)";

world make_world() {
  world w;
  w.folder = std::filesystem::temp_directory_path() / ("ysb_walk_bench." + std::to_string(::getpid()));
  std::filesystem::create_directories(w.folder);
  ysb_events source{{}};
  std::ofstream{w.folder / "campaigns.csv"} << source.campaigns_csv();
  std::vector<raw_batch> open(partitions);
  std::vector<offset> at(partitions);
  for (std::size_t i = 0; i < events; ++i) {
    auto p = i % partitions;
    auto& b = open[p];
    b.bytes += source.next();
    b.ends.push_back(static_cast<std::uint32_t>(b.bytes.size()));
    if (b.ends.size() == batch_records) {
      b.partition = p;
      b.begin = at[p];
      at[p] += b.ends.size();
      w.batches.push_back(std::move(b));
      b = {};
    }
  }
  auto loaded = load_text(pipeline_text, "ysb.yaml", [](std::string_view) { return std::nullopt; });
  auto store = make_row_table({.name = "campaigns",
                               .path = w.folder / "campaigns.csv",
                               .folder = w.folder / "kept",
                               .key = {.key = "ad_id"},
                               .columns = {}});
  auto latest = store->latest();
  if (!latest) {
    std::fprintf(stderr, "%s\n", latest.error().text().c_str());
    std::exit(1);
  }
  w.table = *latest;
  w.full = compile_plan(
      loaded.pipeline, [&](const component&) -> result<schema> { return w.table->columns(); },
      loaded.diagnostics);
  for (const auto& d : loaded.diagnostics)
    std::fprintf(stderr, "%s\n", to_string(d, "ysb.yaml").c_str());
  if (!w.full)
    std::exit(1);
  return w;
}

std::shared_ptr<const plan> with_steps(const world& w, std::size_t steps) {
  auto some = std::make_shared<plan>(*w.full);
  auto& source = some->sources[0];
  source.views.clear();
  source.streams[1].steps.resize(steps);
  if (steps == 0)
    source.streams.resize(1);
  std::erase_if(source.outputs, [&](const output_plan& o) {
    return o.kind == output_kind::late || (steps == 0 && o.kind == output_kind::dead && o.of > 0);
  });
  return some;
}

std::uint64_t copy(const world& w) {
  hand_over next;
  std::uint64_t n = 0;
  for (const auto& raw : w.batches)
    n += next(raw)->records.size();
  return n;
}

std::uint64_t decode(const world& w) {
  const auto& source = w.full->sources[0];
  auto with = make_codec(source.format, source.fields, source.needed);
  hand_over next;
  std::uint64_t n = 0;
  event_batch out;
  std::vector<decode_failure> failures;
  for (const auto& raw : w.batches) {
    auto batch = next(raw);
    out.clear();
    (*with)->decode(*batch, out, failures);
    n += out.rows();
  }
  return n;
}

/// The walk with some of the plan. With views, a flush of all partitions after every `flush_batches`.
std::uint64_t walk(const world& w, const std::shared_ptr<const plan>& p, bool merge) {
  hand_over next;
  std::vector<std::unique_ptr<partition>> workers;
  std::vector<std::unique_ptr<view>> views;
  std::vector<std::unique_ptr<publication>> published;
  for (const auto& v : p->sources[0].views) {
    views.push_back(std::make_unique<view>(p, 0, views.size(), partitions, 1));
    published.push_back(std::make_unique<publication>(v.schema, 1, partitions));
  }
  std::vector<emission> out;
  for (std::size_t i = 0; i < partitions; ++i) {
    auto id = static_cast<partition_id>(i);
    workers.push_back(std::make_unique<partition>(p, 0, id, false,
                                                  [&](std::size_t, const std::string&) { return w.table; }));
    for (std::size_t v = 0; v < views.size(); ++v)
      workers[i]->open(v, views[v]->open(id, i + 1));
    workers[i]->enter({0, journal_entry::what::table, {}, 0, w.table->version()}, out);
  }
  std::uint64_t counted = 0;
  auto tick = [&] {
    for (std::size_t v = 0; v < views.size(); ++v) {
      for (auto& worker : workers)
        for (const auto& piece : worker->flush(v))
          (void)views[v]->receive(piece);
      auto t = views[v]->tick(false);
      for (const auto& [end, rows] : t.sealed)
        for (const auto& r : rows)
          counted += static_cast<std::uint64_t>(*r->columns.back().get_if<std::int64_t>());
      published[v]->apply({std::move(t.put), t.trim, t.watermark, std::move(t.prefix), {}});
      for (const auto& [from, ack] : t.acks)
        workers[static_cast<std::size_t>(from)]->acked(v, ack);
    }
  };
  for (std::size_t i = 0; i < w.batches.size(); ++i) {
    workers[w.batches[i].partition]->apply(next(w.batches[i]), out);
    if (merge && i % flush_batches == flush_batches - 1)
      tick();
  }
  if (!merge)
    return workers[0]->counts().records + workers[0]->panes();
  for (auto& worker : workers)
    worker->enter({worker->entry_offset(journal_entry::what::end), journal_entry::what::end, {}, 0, {}}, out);
  tick();
  return counted;
}

/// What one would write by hand for this one benchmark: simdjson On-Demand, a map from ad to a dense number,
/// an array of counts per window.
std::uint64_t by_hand(const world& w) {
  hand_over next;
  struct text_hash {
    std::size_t operator()(std::string_view s) const noexcept {
      std::uint64_t a = 0, b = 0;
      std::memcpy(&a, s.data(), 8);
      std::memcpy(&b, s.data() + 9, 8);
      return (a * 0x9E3779B97F4A7C15u ^ b) * 0xD6E8FEB86659FD93u;
    }
  };
  boost::unordered_flat_map<std::string_view, std::uint32_t, text_hash> ads;
  auto table = ysb_events{{}}.campaigns_csv();
  for (auto at = table.find('\n') + 1; at < table.size(); at += 74)
    ads.emplace(std::string_view{table}.substr(at, 36), static_cast<std::uint32_t>(ads.size() / 10));
  std::vector<std::array<std::uint64_t, 100>> windows(events / 1000 + 16);
  simdjson::ondemand::parser parser;
  for (const auto& raw : w.batches) {
    auto batch = next(raw);
    for (const auto& r : batch->records) {
      // The next record is the padding; behind the last one there is room in the string.
      simdjson::padded_string_view text{r.bytes.data(), r.bytes.size(),
                                        r.bytes.size() + simdjson::SIMDJSON_PADDING};
      simdjson::ondemand::document doc;
      if (parser.iterate(text).get(doc) != simdjson::SUCCESS)
        std::abort();
      std::string_view ad, type;
      if (doc.find_field("ad_id").get_string().get(ad) != simdjson::SUCCESS ||
          doc.find_field("event_type").get_string().get(type) != simdjson::SUCCESS)
        std::abort();
      if (type != "view")
        continue;
      std::int64_t time = 0;
      if (doc.find_field("event_time").get_int64_in_string().get(time) != simdjson::SUCCESS)
        std::abort();
      auto window = static_cast<std::size_t>((time - ysb_settings{}.start_ms) / 10'000 + 7);
      ++windows[window][ads.find(ad)->second];
    }
  }
  std::uint64_t n = 0;
  for (const auto& each : windows)
    for (auto x : each)
      n += x;
  return n;
}

} // namespace

int main(int argc, char** argv) {
  auto rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 7;
  auto w = make_world();
  struct stage {
    const char* name;
    std::function<std::uint64_t()> run;
    std::vector<double> ns;
    std::uint64_t answer = 0;
  };
  std::vector<stage> stages;
  auto add = [&](const char* name, std::function<std::uint64_t()> run) {
    if (argc < 3 || std::strstr(name, argv[2]) != nullptr)
      stages.push_back({name, std::move(run), {}, 0});
  };
  add("copy: a batch of bytes handed over", [&] { return copy(w); });
  add("+ decode", [&] { return decode(w); });
  for (std::size_t steps : {0, 1, 2})
    add(steps == 0   ? "+ time and watermark"
        : steps == 1 ? "+ filter"
                     : "+ lookup",
        [&w, p = with_steps(w, steps)] { return walk(w, p, false); });
  add("+ windows", [&] { return walk(w, w.full, false); });
  add("+ flush, merge, seal, publish", [&] { return walk(w, w.full, true); });
  add("by hand: copy, simdjson, map, array", [&] { return by_hand(w); });
  std::size_t n = 0;
  for (const auto& b : w.batches)
    n += b.ends.size();
  for (auto i = 0; i < rounds; ++i)
    for (auto& s : stages) {
      auto from = cpu_ns();
      s.answer = s.run();
      s.ns.push_back((cpu_ns() - from) / static_cast<double>(n));
    }
  std::filesystem::remove_all(w.folder);
  std::printf("%zu events in %zu partitions, %d rounds; ns of processor time per event, cumulative\n", n,
              partitions, rounds);
  for (auto& s : stages) {
    std::ranges::sort(s.ns);
    std::printf("  %-38s median %6.1f  best %6.1f   (%llu)\n", s.name, s.ns[s.ns.size() / 2], s.ns.front(),
                static_cast<unsigned long long>(s.answer));
  }
  return argc > 2 || stages[stages.size() - 2].answer == stages.back().answer ? 0 : 1;
}
