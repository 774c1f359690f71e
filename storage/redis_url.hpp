#pragma once

#include "event/result.hpp"

#include <string>
#include <string_view>

namespace tidemill {

/// Where a Redis is, and how to log in.
struct redis_address {
  std::string host = "localhost"; ///< or
  std::string socket;             ///< the path of a Unix socket; empty: `host` and `port`
  int port = 6379;
  int database = 0;
  std::string user; ///< empty: the default user
  std::string password;

  /// For messages: without user and password.
  [[nodiscard]] std::string shown() const;
};

/// `redis://[[user]:password@]host[:port][/database]` or `unix://[[user]:password@]/path[?db=database]`.
/// User and password may hold `%40`-like escapes. Errors: `config_invalid`, without secrets.
[[nodiscard]] result<redis_address> parse_redis_url(std::string_view url);

} // namespace tidemill
