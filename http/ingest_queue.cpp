#include "http/ingest_queue.hpp"

#include <utility>

namespace tidemill {

ingest_queue::ingest_queue(std::size_t capacity) : capacity_(capacity), thread_([this] { run(); }) {}

ingest_queue::~ingest_queue() {
  stop();
}

bool ingest_queue::push(std::function<void()> job) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || jobs_.size() >= capacity_)
      return false;
    jobs_.push_back(std::move(job));
  }
  changed_.notify_one();
  return true;
}

void ingest_queue::stop() {
  std::deque<std::function<void()>> dropped; // destroyed after the lock: jobs own sessions
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    dropped.swap(jobs_);
  }
  changed_.notify_one();
  if (thread_.joinable())
    thread_.join();
}

void ingest_queue::run() {
  for (;;) {
    std::function<void()> job;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
      if (stopping_)
        return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job();
  }
}

} // namespace tidemill
