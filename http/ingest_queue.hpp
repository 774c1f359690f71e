#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace tidemill {

/// One thread that runs jobs in order, for what may block: appending records waits for the disk.
class ingest_queue {
public:
  explicit ingest_queue(std::size_t capacity);
  ~ingest_queue(); ///< as `stop`

  /// Any thread. False: `capacity` jobs wait already, or the queue is stopped; the job is not taken.
  [[nodiscard]] bool push(std::function<void()> job);
  /// Finishes the job at work, drops those that wait, joins the thread.
  void stop();

private:
  void run();

  const std::size_t capacity_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> jobs_;
  bool stopping_ = false;
  std::thread thread_;
};

} // namespace tidemill
