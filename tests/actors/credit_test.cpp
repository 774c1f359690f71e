#include "actors/credit.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

using tidemill::credit_gate;
using tidemill::credit_token;
using tidemill::token_ptr;

namespace {

struct gate_under_test {
  std::shared_ptr<credit_gate::wake_flag> wake = std::make_shared<credit_gate::wake_flag>(0);
  std::shared_ptr<credit_gate> gate = std::make_shared<credit_gate>(3, 100, wake);

  [[nodiscard]] token_ptr take(std::size_t bytes) const {
    return std::make_shared<const credit_token>(gate, bytes);
  }
};

} // namespace

TEST_CASE("a credit returns when the last who works on the batch lets go, and wakes the source") {
  gate_under_test t;
  auto worker = t.take(10);
  auto sink = worker;
  worker->done();
  worker.reset();
  CHECK(t.gate->in_flight() == 1);
  CHECK(*t.wake == 0);
  sink.reset();
  CHECK(t.gate->in_flight() == 0);
  CHECK(*t.wake == 1);
  CHECK(t.gate->available());
}

TEST_CASE("a credit that dies undone closes the gate for good") {
  gate_under_test t;
  auto first = t.take(10), second = t.take(10);
  first.reset(); // the worker has died, and its mailbox with it
  CHECK(t.gate->lost());
  CHECK_FALSE(t.gate->available());
  second->done();
  second.reset();
  CHECK(t.gate->in_flight() == 0);
  CHECK_FALSE(t.gate->available());
  CHECK(*t.wake == 2);
}

TEST_CASE("batches in flight are bounded by number and by bytes") {
  gate_under_test t;
  std::vector<token_ptr> taken;
  while (t.gate->available())
    taken.push_back(t.take(1));
  CHECK(taken.size() == 3);
  for (const auto& token : taken)
    token->done();
  taken.clear();

  taken.push_back(t.take(60));
  CHECK(t.gate->available());
  taken.push_back(t.take(60));
  CHECK_FALSE(t.gate->available());
  for (const auto& token : taken)
    token->done();
}

TEST_CASE("one batch may always be in flight, however large") {
  gate_under_test t;
  CHECK(t.gate->available());
  auto huge = t.take(1'000'000);
  CHECK_FALSE(t.gate->available());
  huge->done();
  huge.reset();
  CHECK(t.gate->available());
}

TEST_CASE("a source and a worker on two threads never have more in flight than allowed, and none is lost") {
  gate_under_test t;
  std::mutex mutex;
  std::deque<token_ptr> mailbox;
  constexpr int batches = 5'000;
  std::jthread worker{[&] {
    for (int taken = 0; taken < batches;) {
      token_ptr next;
      {
        std::lock_guard lock{mutex};
        if (!mailbox.empty()) {
          next = std::move(mailbox.front());
          mailbox.pop_front();
        }
      }
      if (!next) {
        std::this_thread::yield();
        continue;
      }
      next->done();
      ++taken;
    }
  }};
  std::int64_t most = 0;
  for (int sent = 0; sent < batches;) {
    auto seen = t.wake->load();
    if (!t.gate->available()) {
      t.wake->wait(seen);
      continue;
    }
    auto token = t.take(1);
    most = std::max(most, t.gate->in_flight());
    std::lock_guard lock{mutex};
    mailbox.push_back(std::move(token));
    ++sent;
  }
  worker.join();
  CHECK(most <= 3);
  CHECK(t.gate->in_flight() == 0);
  CHECK_FALSE(t.gate->lost());
}
