#pragma once

#include "event/result.hpp"
#include "storage/redis_url.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// An answer of Redis.
struct redis_reply {
  enum class kind { nil, integer, text, list, failure } of = kind::nil;
  std::int64_t integer = 0;
  std::string text; ///< of `text` and `failure`
  std::vector<redis_reply> items;
};

/// One connection, blocking, with timeouts. After an error of a call the connection is of no use any more.
/// One thread. Never raises SIGPIPE.
class redis_connection {
public:
  struct timeouts {
    std::chrono::milliseconds connect{2000};
    std::chrono::milliseconds command{5000}; ///< for each answer
  };
  /// Connects, logs in, selects the database. Errors: `unavailable`; `refused` (login, database).
  [[nodiscard]] static result<redis_connection> open(const redis_address& address, timeouts t);
  ~redis_connection();
  redis_connection(redis_connection&&) noexcept;
  redis_connection& operator=(redis_connection&&) noexcept;

  /// Sends commands in one go and receives exactly as many answers. A `failure` among them is an answer, not
  /// an error. Errors: `unavailable`.
  [[nodiscard]] result<std::vector<redis_reply>>
  pipeline(const std::vector<std::vector<std::string_view>>& commands);
  /// One command; a `failure` becomes an error, see `redis_error`.
  [[nodiscard]] result<redis_reply> run(const std::vector<std::string_view>& command);

private:
  struct impl;
  explicit redis_connection(std::unique_ptr<impl> i);
  std::unique_ptr<impl> impl_;
};

/// What a `failure` means: `unavailable` if it may pass (loading, out of memory, a replica during a
/// failover), else `refused`; with the remedy.
[[nodiscard]] error redis_error(const std::string& where, const std::string& text);

} // namespace tidemill
