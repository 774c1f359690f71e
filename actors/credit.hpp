#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace tidemill {

/// Flow control between a source's thread and one incarnation of a worker, in batches and bytes.
///
/// The token travels with the batch, so a dead mailbox returns its credit. A token that dies undone closes
/// the gate: the source stops feeding a partition whose worker has died instead of burning through it; the
/// next incarnation brings a new gate.
class credit_gate {
public:
  /// Counts releases over all gates of a source: what its thread waits on.
  using wake_flag = std::atomic<std::uint32_t>;

  credit_gate(std::int64_t batches, std::int64_t bytes, std::shared_ptr<wake_flag> wake)
      : batches_(batches), bytes_(bytes), wake_(std::move(wake)) {}

  [[nodiscard]] bool lost() const noexcept { return lost_.load(std::memory_order_acquire); }
  /// Whether another batch may be sent. One batch may always be in flight, however large.
  [[nodiscard]] bool available() const noexcept {
    auto batches = batches_in_flight_.load(std::memory_order_acquire);
    return !lost() && (batches == 0 ||
                       (batches < batches_ && bytes_in_flight_.load(std::memory_order_acquire) < bytes_));
  }
  void acquire(std::size_t bytes) noexcept { // by the source's thread only
    batches_in_flight_.fetch_add(1, std::memory_order_acq_rel);
    bytes_in_flight_.fetch_add(static_cast<std::int64_t>(bytes), std::memory_order_acq_rel);
  }
  void release(std::size_t bytes, bool done) noexcept { // by credit_token only
    if (!done)
      lost_.store(true, std::memory_order_release);
    bytes_in_flight_.fetch_sub(static_cast<std::int64_t>(bytes), std::memory_order_acq_rel);
    batches_in_flight_.fetch_sub(1, std::memory_order_acq_rel);
    wake_->fetch_add(1, std::memory_order_release);
    wake_->notify_one();
  }
  [[nodiscard]] std::int64_t in_flight() const noexcept {
    return batches_in_flight_.load(std::memory_order_acquire);
  }

private:
  const std::int64_t batches_, bytes_;
  std::atomic<std::int64_t> batches_in_flight_{0}, bytes_in_flight_{0};
  std::atomic<bool> lost_{false};
  std::shared_ptr<wake_flag> wake_;
};

/// One acquired credit. Shared by all who still work on the batch (worker, sinks): returned when the last
/// lets go.
class credit_token {
public:
  credit_token(std::shared_ptr<credit_gate> gate, std::size_t bytes) : gate_(std::move(gate)), bytes_(bytes) {
    gate_->acquire(bytes_);
  }
  credit_token(const credit_token&) = delete;
  credit_token& operator=(const credit_token&) = delete;
  ~credit_token() { gate_->release(bytes_, done_.load(std::memory_order_acquire)); }
  /// The worker has applied the batch.
  void done() const noexcept { done_.store(true, std::memory_order_release); }

private:
  std::shared_ptr<credit_gate> gate_;
  std::size_t bytes_;
  mutable std::atomic<bool> done_{false};
};
using token_ptr = std::shared_ptr<const credit_token>;

} // namespace tidemill
