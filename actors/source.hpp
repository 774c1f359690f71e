#pragma once

#include "actors/board.hpp"
#include "actors/messages.hpp"
#include "storage/record_source.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace tidemill {

/// Step 2 of an event's walk: a source on a thread of its own, feeding workers that have credit.
///
/// `route` says who serves a partition and from which offset on; the thread seeks, and feeds until that
/// worker's gate is full or lost. Partitions that come and go are told to a listener.
class source_runner {
public:
  struct settings {
    std::int64_t batches = 8;       ///< in flight per partition
    std::int64_t bytes = 16u << 20; ///< in flight per partition
    std::size_t poll_bytes = 256u << 10;
    microseconds max_lead{};
    bool aligned =
        false; ///< partitions are read together (one file for all): none can lead by more than its disorder
    bool skip_gaps = false; ///< records that are gone are passed over by the worker; else they halt it
  };
  /// Called from the source's thread.
  struct listener {
    std::function<void(error)> failed; ///< final, once; the thread then ends
    std::function<void(partition_id)> assigned;
    std::function<void(partition_id, bool lost)> revoked;
    std::function<void(partition_id, std::string why)> halted;
    std::function<void(std::uint32_t partitions)> grown;
  };

  /// `source` is open.
  source_runner(std::unique_ptr<record_source> source, settings s, std::shared_ptr<board> status,
                std::size_t shown, listener l);
  ~source_runner(); ///< stops and joins
  void start();
  void stop();

  /// A new incarnation of a worker wants records from `at` on. Any thread.
  void route(partition_id p, worker_actor to, offset at, std::optional<record_mark> before);
  /// The worker of a revoked partition has ended. Any thread.
  void release(partition_id p);
  /// A checkpoint is stored. Any thread.
  void committed(partition_id p, offset at) noexcept { source_->committed(p, at); }

private:
  struct lane {
    worker_actor to;
    std::shared_ptr<credit_gate> gate;
    bool ended = false;
  };
  struct order {
    worker_actor to; ///< null: release
    offset at;
    std::optional<record_mark> before;
  };
  void run(const std::stop_token& stop);
  status take_orders();
  [[nodiscard]] std::vector<partition_id> wanted();
  void deliver(const polled& what);
  void take(const record_batch_ptr& batch);
  void halt(partition_id p, std::string why);
  void show_gauges();
  [[nodiscard]] std::string name_of(std::size_t p) const;
  void tell(const std::string& place, std::string text);
  void pass_over(const polled_gap& gap);
  [[nodiscard]] partition_board& shown(std::size_t p) const;

  std::unique_ptr<record_source> source_;
  settings s_;
  std::shared_ptr<board> status_;
  std::size_t shown_;
  listener listener_;
  std::shared_ptr<credit_gate::wake_flag> wake_ = std::make_shared<credit_gate::wake_flag>(0);
  std::vector<lane> lanes_;                                           // the thread's own, as what follows
  std::map<std::string, std::chrono::steady_clock::time_point> told_; // problems, by place: until then
  std::chrono::steady_clock::time_point gauged_{};
  std::mutex mutex_;
  std::vector<std::optional<order>> orders_;
  std::jthread thread_;
};

} // namespace tidemill
