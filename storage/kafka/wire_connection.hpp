#pragma once

#include "event/result.hpp"
#include "storage/kafka/wire_protocol.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// One TCP connection that never blocks. Names are looked up on a thread of their own; all addresses of a
/// name are tried in turn.
///
/// After an error of any call it is closed; `open` begins anew. One thread. Never raises SIGPIPE.
class wire_connection {
public:
  using clock = std::chrono::steady_clock;

  explicit wire_connection(broker_address to);
  ~wire_connection();
  wire_connection(const wire_connection&) = delete;
  wire_connection& operator=(const wire_connection&) = delete;

  enum class phase : std::uint8_t { closed, resolving, connecting, open };
  [[nodiscard]] phase now() const noexcept { return phase_; }
  [[nodiscard]] const broker_address& peer() const noexcept { return to_; }

  void open(clock::time_point at);
  void close() noexcept;
  /// Goes on with connecting and sending as far as that is possible now. Errors: `unavailable`.
  status drive(clock::time_point at);
  /// Queues bytes; `drive` sends what can't be sent at once.
  status send(std::string bytes);
  /// Bytes that have arrived: first into `to`, when that is full into `then`. 0: none now.
  result<std::size_t> receive(std::span<char> to, std::span<char> then = {});
  /// How many bytes must wait before poll(2) finds the connection readable: a wake-up for each few that come
  /// in would cost more than reading them. `receive` gives what there is all the same.
  void wake_at(std::size_t bytes) noexcept;

  /// For poll(2); -1: there is none, come again soon.
  [[nodiscard]] int descriptor() const noexcept { return socket_; }
  [[nodiscard]] bool wants_write() const noexcept {
    return phase_ == phase::connecting || (phase_ == phase::open && !unsent_.empty());
  }

private:
  struct address;
  struct found;
  status look(clock::time_point at);
  status try_next(clock::time_point at);
  status finish(clock::time_point at);
  error failed(const std::string& why);

  broker_address to_;
  phase phase_ = phase::closed;
  int socket_ = -1;
  std::shared_ptr<found> lookup_;
  std::vector<address> addresses_;
  std::size_t next_address_ = 0;
  std::string last_failure_;
  clock::time_point deadline_{};
  std::string unsent_;
  std::size_t wakes_at_ = 1;
};

} // namespace tidemill
