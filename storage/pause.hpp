#pragma once

#include "event/time.hpp"

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <utility>

namespace tidemill {

/// The clocks and the waiting of a source. Empty members mean the real ones; tests put their own.
struct source_clock {
  /// For pacing and timeouts.
  std::function<std::chrono::steady_clock::time_point()> steady;
  /// Wall clock, for live generation.
  std::function<event_time()> wall;
  /// Called instead of waiting for up to this long.
  std::function<void(std::chrono::milliseconds)> sleep;
};

/// Time as a source sees it, with a wait that another thread can end.
class source_timer {
public:
  explicit source_timer(source_clock clock = {}) : clock_(std::move(clock)) {}

  [[nodiscard]] std::chrono::steady_clock::time_point steady() const {
    return clock_.steady ? clock_.steady() : std::chrono::steady_clock::now();
  }
  [[nodiscard]] event_time wall() const {
    return clock_.wall ? clock_.wall()
                       : std::chrono::time_point_cast<microseconds>(std::chrono::system_clock::now());
  }
  /// Returns after `length` or a `wake`, also one since the last wait. True: woken.
  bool wait(std::chrono::milliseconds length) {
    if (clock_.sleep && length.count() > 0)
      clock_.sleep(length);
    std::unique_lock lock{mutex_};
    if (!clock_.sleep && length.count() > 0)
      awake_.wait_for(lock, length, [&] { return woken_; });
    return std::exchange(woken_, false);
  }
  /// Any thread.
  void wake() noexcept {
    {
      std::lock_guard lock{mutex_};
      woken_ = true;
    }
    awake_.notify_all();
  }

private:
  source_clock clock_;
  std::mutex mutex_;
  std::condition_variable awake_;
  bool woken_ = false;
};

} // namespace tidemill
