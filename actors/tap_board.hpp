#pragma once

#include "event/result.hpp"
#include "http/server.hpp"
#include "pipeline/event_tap.hpp"
#include "pipeline/plan.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace tidemill {

/// Shows events between the steps of a running pipeline to those who ask, and costs nothing while nobody
/// does: a worker reads one number per batch.
///
/// A tap is opened by the first question and lives while it is asked at least every ten seconds. It looks at
/// `tap_query::per_second` matching rows a second, and at a hundred times as many to find them, and all taps
/// together work a tenth of a second of each on that; what is more is counted, not looked at. Its newest
/// 10,000 events, or 16 MiB, wait to be fetched. Thread-safe.
class tap_board {
public:
  using clock = std::chrono::steady_clock;

  explicit tap_board(std::shared_ptr<const plan> all);
  ~tap_board();

  /// The events that a tap has seen since `query.from`, as JSON. Errors: `refused` (no such stream or step),
  /// `expression_invalid`, `full` (too many taps).
  [[nodiscard]] result<std::string> read(const tap_query& query, clock::time_point now);

  /// Whether anybody looks at a source.
  [[nodiscard]] bool watched(std::size_t source) const noexcept {
    return watched_[source].load(std::memory_order_relaxed) > 0;
  }
  /// What a worker hands to its partition while its source is watched.
  class eye final : public event_tap {
  public:
    eye(tap_board& board, std::size_t source) : board_(board), source_(source) {}
    void see(std::size_t stream, std::size_t done, const event_batch& batch) override {
      board_.see(source_, stream, done, batch, clock::now());
    }

  private:
    tap_board& board_;
    std::size_t source_;
  };

  /// As `eye`, at a given time.
  void see(std::size_t source, std::size_t stream, std::size_t done, const event_batch& batch,
           clock::time_point now);

private:
  struct tap;
  class work_budget; ///< time for the conditions of all taps
  [[nodiscard]] result<std::shared_ptr<tap>> open(const tap_query& query, clock::time_point now);
  void close_unread(clock::time_point now);

  std::shared_ptr<const plan> all_;
  std::mutex mutex_; ///< of the list; each tap has one of its own
  std::vector<std::shared_ptr<tap>> taps_;
  std::unique_ptr<work_budget> work_;
  std::unique_ptr<std::atomic<std::uint32_t>[]> watched_; ///< taps by source
};

} // namespace tidemill
