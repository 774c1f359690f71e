// What checkpoints of a partition with many keys cost: the pause on its thread, the copies that follow, what
// is written for what has changed, and the way back.
//
//     ninja -C build/release checkpoint_bench
//     build/release/checkpoint_bench [keys] [changed %] [saves] [plain|sketches]
//
// Without arguments: 10 k, 100 k and 1 M keys with 1, 10 and 100 % of them changed between two saves, each
// until layers are written again, too. A tumbling and a sliding view hold all keys. Changed keys are drawn at
// random, which is dearer than in turn, where whole layers die; at 100 % all are changed, in turn. The saving
// thread works while events go on, as in the program. Times by the wall contain what neighbours take; those
// of the thread's own clock don't.
#include "actors/platform.hpp"
#include "config/load.hpp"
#include "pipeline/partition.hpp"
#include "storage/checkpoint/checkpoint_store.hpp"
#include "storage/checkpoint/folder_blobs.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <thread>
#include <unistd.h>

namespace {

using namespace tidemill;

constexpr std::size_t batch_records = 1000;

constexpr const char* plain = "{events: 'count()', total: 'sum(v)'}";
constexpr const char* sketches = "{events: 'count()', users: 'distinct(v)', p99: 'quantile(v, 0.99)'}";

std::shared_ptr<const plan> make_plan(const std::string& select) {
  auto yaml = R"(
pipeline: bench
sources:
  clicks: {type: file, path: unused, format: json, schema: {ts: timestamp_s, k: string, v: int}, time: {field: ts, out_of_order: 5s}}
views:
  tumbling: {from: clicks, by: [k], window: {size: 1h}, select: )" +
              select + R"(}
  sliding: {from: clicks, by: [k], window: {size: 1h, slide: 20m}, select: )" +
              select + "}\n";
  auto loaded = load_text(yaml, "bench.yaml", [](std::string_view) { return std::nullopt; });
  auto made = compile(loaded.pipeline, loaded.diagnostics);
  for (const auto& d : loaded.diagnostics)
    std::fprintf(stderr, "%s\n", to_string(d, "bench.yaml").c_str());
  return made;
}

/// Events of one key after another, or of keys at random; all within one slice.
class events {
public:
  explicit events(std::size_t keys) : keys_(keys) {}

  record_batch_ptr next(std::size_t n, bool in_turn) {
    auto text = std::make_shared<std::string>();
    std::vector<std::size_t> ends;
    for (std::size_t i = 0; i < n; ++i) {
      char line[100];
      auto key = in_turn ? at_ % keys_ : random_() % keys_;
      auto seconds = std::min<std::uint64_t>(at_ / keys_, 599);
      auto bytes = std::snprintf(line, sizeof line, R"({"ts":%llu,"k":"user-%07zu","v":%u})",
                                 1'699'999'200ull + seconds, key, static_cast<unsigned>(random_() % 1000));
      text->append(line, static_cast<std::size_t>(bytes));
      ends.push_back(text->size());
      ++at_;
    }
    auto b = std::make_shared<record_batch>();
    b->begin = b->end = at_ - n;
    for (std::size_t from = 0; auto end : ends) {
      b->records.push_back(
          {std::string_view{*text}.substr(from, end - from), b->end, b->end + 1, std::nullopt});
      ++b->end;
      from = end;
    }
    b->bytes = text->size();
    b->memory = text;
    return b;
  }

private:
  std::size_t keys_;
  offset at_ = 0;
  std::mt19937_64 random_{1};
};

double milliseconds_of(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

/// How long something took, by both clocks, many times.
class spread {
public:
  template <class Work>
  void measure(Work&& work) {
    auto wall = milliseconds_of(CLOCK_MONOTONIC), own = milliseconds_of(CLOCK_THREAD_CPUTIME_ID);
    work();
    own_.push_back(milliseconds_of(CLOCK_THREAD_CPUTIME_ID) - own);
    wall_.push_back(milliseconds_of(CLOCK_MONOTONIC) - wall);
  }
  void print(const char* what) {
    if (wall_.empty())
      return;
    std::printf("  %-36s", what);
    for (auto* ms : {&wall_, &own_}) {
      std::ranges::sort(*ms);
      auto at = [&](double share) {
        return (*ms)[static_cast<std::size_t>(share * static_cast<double>(ms->size() - 1))];
      };
      std::printf("%s p50 %8.3f  p99 %8.3f  max %8.3f ms", ms == &wall_ ? "wall" : "   own", at(0.5),
                  at(0.99), ms->back());
    }
    std::printf("\n");
  }
  [[nodiscard]] double first() const { return wall_.front(); }
  [[nodiscard]] double first_own() const { return own_.front(); }

private:
  std::vector<double> wall_, own_;
};

double megabytes(std::uint64_t bytes) {
  return static_cast<double>(bytes) / 1e6;
}

double resident_mb() {
  std::size_t pages = 0, resident = 0;
  std::ifstream{"/proc/self/statm"} >> pages >> resident;
  return megabytes(resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)));
}

/// Counts what is put into a folder.
class counting_blobs final : public blob_store {
public:
  counting_blobs(std::unique_ptr<blob_store> to, std::uint64_t& bytes) : to_(std::move(to)), bytes_(bytes) {}
  [[nodiscard]] std::string place(const std::string& g) const override { return to_->place(g); }
  [[nodiscard]] result<std::vector<std::string>> groups() override { return to_->groups(); }
  status put(const std::string& g, const std::string& name, std::string_view bytes) override {
    bytes_ += bytes.size();
    return to_->put(g, name, bytes);
  }
  [[nodiscard]] result<std::string> get(const std::string& g, const std::string& name,
                                        std::uint64_t limit) override {
    return to_->get(g, name, limit);
  }
  [[nodiscard]] result<std::vector<std::string>> list(const std::string& g) override { return to_->list(g); }
  status remove(const std::string& g, const std::string& name) override { return to_->remove(g, name); }
  [[nodiscard]] result<std::string> head(const std::string& g) override { return to_->head(g); }
  status move_head(const std::string& g, const std::string& expected, const std::string& next) override {
    return to_->move_head(g, expected, next);
  }

private:
  std::unique_ptr<blob_store> to_;
  std::uint64_t& bytes_;
};

std::uint64_t bytes_changed(const frozen_state& state, offset_range range) {
  std::uint64_t bytes = 0;
  (void)state.write({&range, 1}, 1u << 20, [&](std::string_view piece, std::uint64_t) -> status {
    bytes += piece.size();
    return {};
  });
  return bytes;
}

struct setting {
  std::size_t keys = 1'000'000;
  double changed = 1; ///< percent of the keys, between two saves
  int saves = 300;
};

struct measured {
  spread pause, save, quiet, copying;
  std::uint64_t first = 0, changed = 0, written = 0; ///< bytes; the last two without the first save
};

/// Saves again and again, with events between and during the saves.
measured save_often(partition& worker, checkpoint_store& store, events& input, const setting& s,
                    std::uint64_t& written) {
  measured m;
  offset saved_at = 0;
  std::vector<emission> out;
  auto events_between = static_cast<std::size_t>(static_cast<double>(s.keys) * s.changed / 100);
  for (int i = 0; i < s.saves; ++i) {
    auto c = std::make_unique<checkpoint>();
    c->at = worker.position();
    c->source = "bench";
    m.pause.measure([&] { c->state = worker.snapshot(); });
    if (i > 0)
      m.changed += bytes_changed(*c->state, {saved_at, c->at});
    saved_at = c->at;
    std::atomic<bool> done{false};
    std::jthread saver{[&] {
      m.save.measure([&] {
        auto saved = store.save("clicks/0", *c);
        if (!saved)
          std::fprintf(stderr, "%s\n", saved.error().text().c_str());
        c.reset();
      });
      done = true;
    }};
    for (std::size_t left = events_between; left > 0;) {
      auto n = std::min(left, batch_records);
      auto batch = input.next(n, s.changed >= 100);
      (done ? m.quiet : m.copying).measure([&] { worker.apply(batch, out); });
      left -= n;
    }
    saver.join();
    if (i == 0)
      m.first = std::exchange(written, 0);
  }
  m.written = written;
  return m;
}

std::uint64_t bytes_in(const std::filesystem::path& folder) {
  std::uint64_t stored = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator{folder})
    stored += entry.is_regular_file() ? entry.file_size() : 0;
  return stored;
}

bool load_again(const std::shared_ptr<const plan>& p, checkpoint_store& store) {
  spread load, restore;
  std::vector<std::string> warnings;
  std::unique_ptr<checkpoint> loaded;
  load.measure([&] {
    if (auto found = store.load("clicks/0", warnings))
      loaded = std::move(*found);
  });
  if (!loaded)
    return false;
  partition again{p, 0, partition_id{0}, false, {}};
  status restored;
  restore.measure([&] {
    restored = again.restore(loaded->at, loaded->core, loaded->pieces, [](const auto&) { return true; });
  });
  std::printf("  load wall %.0f, own %.0f ms; restore wall %.0f, own %.0f ms, %zu panes; %.0f MB resident "
              "with both\n",
              load.first(), load.first_own(), restore.first(), restore.first_own(), again.panes(),
              resident_mb());
  if (!restored)
    std::fprintf(stderr, "%s\n", restored.error().text().c_str());
  return restored.has_value();
}

bool run(const std::shared_ptr<const plan>& p, const setting& s, const std::filesystem::path& folder) {
  std::uint64_t written = 0;
  checkpoint_store store{std::make_unique<counting_blobs>(make_folder_blobs(folder), written)};
  partition worker{p, 0, partition_id{0}, false, {}};
  events input{s.keys};
  std::vector<emission> out;
  for (std::size_t i = 0; i < s.keys; i += batch_records)
    worker.apply(input.next(batch_records, true), out);
  std::printf("%zu keys, %zu panes, %.0f MB resident; %d saves, %g %% of the keys changed between two\n",
              s.keys, worker.panes(), resident_mb(), s.saves, s.changed);
  auto m = save_often(worker, store, input, s, written);
  std::printf("  first save %.1f MB in %.0f ms; %.1f MB stored at the end\n", megabytes(m.first),
              m.save.first(), megabytes(bytes_in(folder)));
  m.pause.print("pause of the worker");
  m.save.print("save on its thread");
  m.quiet.print("1000 events");
  m.copying.print("1000 events while a save is written");
  std::printf("  written %.2f MB for %.2f MB changed: %.2f\n", megabytes(m.written), megabytes(m.changed),
              static_cast<double>(m.written) / static_cast<double>(std::max<std::uint64_t>(1, m.changed)));
  // A store of its own knows nothing of what was written.
  checkpoint_store reader{make_folder_blobs(folder)};
  return load_again(p, reader);
}

} // namespace

int main(int argc, char** argv) {
  auto p = make_plan(argc > 4 && std::string{argv[4]} == "sketches" ? sketches : plain);
  if (!p)
    return 1;
  std::vector<setting> settings;
  if (argc > 1)
    settings = {{std::strtoull(argv[1], nullptr, 10), argc > 2 ? std::strtod(argv[2], nullptr) : 1,
                 argc > 3 ? std::atoi(argv[3]) : 300}};
  else
    for (std::size_t keys : {10'000, 100'000, 1'000'000})
      settings.insert(settings.end(), {{keys, 1, 600}, {keys, 10, 60}, {keys, 100, 20}});
  auto sound = true;
  for (const auto& s : settings) {
    auto folder = std::filesystem::temp_directory_path() / ("tidemill-bench-" + std::to_string(::getpid()));
    sound &= run(p, s, folder);
    std::filesystem::remove_all(folder);
  }
  return sound ? 0 : 1;
}
