#pragma once

#include <chrono>
#include <ctime>

namespace tidemill {

/// How long the calling thread has worked since construction, in processor time: on a busy machine the same
/// work counts the same.
class work_clock {
public:
  [[nodiscard]] std::chrono::nanoseconds worked() const noexcept { return now() - begin_; }
  /// Whether it has worked for so long; cheap while little real time has passed.
  [[nodiscard]] bool has_worked(std::chrono::nanoseconds most) const noexcept {
    return std::chrono::steady_clock::now() - real_ >= most && worked() >= most;
  }

private:
  [[nodiscard]] static std::chrono::nanoseconds now() noexcept {
    std::timespec t{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return std::chrono::seconds{t.tv_sec} + std::chrono::nanoseconds{t.tv_nsec};
  }

  std::chrono::steady_clock::time_point real_ = std::chrono::steady_clock::now();
  std::chrono::nanoseconds begin_ = now();
};

} // namespace tidemill
