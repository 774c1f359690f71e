#pragma once

#include "actors/board.hpp"
#include "actors/messages.hpp"
#include "storage/record_source.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace tidemill {

/// Step 2 of an event's walk: a source on a thread of its own, feeding workers that have credit.
///
/// `route` says who serves a partition and from which offset on; the thread seeks, and feeds until that
/// worker's gate is full or lost.
class source_runner {
public:
  struct settings {
    std::int64_t batches = 8;       ///< in flight per partition
    std::int64_t bytes = 16u << 20; ///< in flight per partition
    std::size_t poll_bytes = 256u << 10;
    microseconds max_lead{};
    bool aligned =
        false; ///< partitions are read together (one file for all): none can lead by more than its disorder
  };

  /// `failed` is called once, from the source's thread, with a final error; the thread then ends.
  source_runner(std::unique_ptr<record_source> source, settings s, std::shared_ptr<board> status,
                std::size_t shown, std::function<void(error)> failed);
  ~source_runner(); ///< stops and joins
  void start();
  void stop();

  /// A new incarnation of a worker wants records from `at` on. Any thread.
  void route(partition_id p, worker_actor to, offset at);

private:
  struct lane {
    worker_actor to;
    std::shared_ptr<credit_gate> gate;
    bool ended = false;
  };
  struct order {
    worker_actor to;
    offset at;
  };
  void run(const std::stop_token& stop);
  status take_orders();
  [[nodiscard]] std::vector<partition_id> wanted();
  void deliver(const polled& what);
  [[nodiscard]] partition_board& shown(std::size_t p) const;

  std::unique_ptr<record_source> source_;
  settings s_;
  std::shared_ptr<board> status_;
  std::size_t shown_;
  std::function<void(error)> failed_;
  std::shared_ptr<credit_gate::wake_flag> wake_ = std::make_shared<credit_gate::wake_flag>(0);
  std::vector<lane> lanes_; // the thread's own
  std::mutex mutex_;
  std::vector<std::optional<order>> orders_;
  std::jthread thread_;
};

} // namespace tidemill
