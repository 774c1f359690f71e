#pragma once

#include "pipeline/partition.hpp"
#include "pipeline/publication.hpp"
#include "pipeline/view.hpp"
#include "tests/support/kept_state.hpp"

#include <deque>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace tidemill::test {

/// Everything around the pure state machines that can crash: workers, views, the process, readers; messages
/// lie in queues; what is durable survives. Driven by a seed.
class recovery_world {
public:
  explicit recovery_world(std::uint64_t seed);
  /// Random steps with crashes, then a drain. Returns what went wrong; empty if nothing did.
  std::string run(int steps);

  struct totals {
    std::uint64_t crashes = 0, sealed = 0, entries = 0, late = 0, published = 0, alerts = 0;
  };
  [[nodiscard]] const totals& seen() const noexcept { return seen_; }

private:
  struct durable_checkpoint {
    offset at = 0;
    std::size_t journal = 0;
    kept_state state;
  };
  struct worker {
    std::unique_ptr<partition> state;
    std::uint64_t incarnation = 0;
    std::deque<std::pair<std::size_t, link_hello>> hellos; // from views
    std::deque<std::pair<std::size_t, link_ack>> acks;
    std::size_t journal_read = 0; // entries contained in `state`
    offset sink_floor = 0;
  };
  struct shard {
    std::unique_ptr<view> state;
    std::uint64_t incarnation = 0;
    std::vector<std::deque<link_flush>> inbox; // by partition
  };
  struct reader {
    std::uint64_t epoch = 0, at = 0;
    std::map<std::string, row_ptr> rows;
  };

  void make_plan();
  void make_records();
  void start_worker(std::size_t p);
  void start_view(std::size_t v);
  void maybe_open_links();
  void restart_process();
  void grow(std::size_t p);
  void process(std::size_t p);
  void enter(std::size_t p, journal_entry e);
  void take(std::size_t p, const std::vector<emission>& out);
  void worker_receive(std::size_t p);
  void flush(std::size_t p, std::size_t v);
  void view_receive(std::size_t v, std::size_t p);
  void tick(std::size_t v);
  void save(std::size_t p);
  void read(std::size_t v);
  void follow_the_others(std::size_t p);
  void drain();
  void publish(std::size_t v, const view_tick& t);
  void tell(std::size_t v, const std::vector<alert_snapshot_ptr>& logs);
  void compare();
  void compare_alerts();
  void check_early(std::size_t v);
  void fail(const std::string& what);
  [[nodiscard]] std::size_t pick(std::size_t n) { return n == 0 ? 0 : random_() % n; }
  [[nodiscard]] record_batch_ptr batch(std::size_t p, std::size_t from, std::size_t to) const;

  std::mt19937_64 random_;
  std::shared_ptr<const plan> plan_;
  // The world outside: logs of records, tables.
  struct raw {
    std::string bytes;
    offset at, end;
  };
  std::vector<std::vector<raw>> records_;
  std::vector<std::size_t> available_;
  std::uint64_t table_version_ = 0;
  // Durable.
  std::vector<std::vector<std::string>> journals_;
  std::vector<durable_checkpoint> checkpoints_;
  std::vector<std::vector<std::string>> view_logs_;
  std::vector<std::map<offset, std::string>> sink_; // by partition: offset → event
  std::vector<offset> sink_upto_;
  // Volatile.
  std::vector<worker> workers_;
  std::vector<shard> shards_;
  std::vector<std::unique_ptr<publication>> publications_;
  std::vector<reader> readers_;
  // What readers have seen, ever.
  std::vector<std::map<std::string, std::int64_t>> highest_;
  std::vector<std::map<std::string, row_ptr>> final_;
  std::vector<std::vector<std::vector<alert_entry_ptr>>> told_; // by view and rule: entries by offset
  bool draining_ = false;
  std::string wrong_;
  totals seen_;
};

} // namespace tidemill::test
