#pragma once

#include "event/result.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace tidemill {

/// Whom to ask: `http://host:port/path`. There is no TLS here, as in the server.
struct http_target {
  std::string host;
  std::uint16_t port = 80;
  std::string path;
};
/// Errors: `config_invalid`, with what is wrong.
[[nodiscard]] result<http_target> parse_http_target(std::string_view url);

struct http_answer {
  unsigned status = 0;
  std::string body;
  std::optional<std::chrono::seconds> retry_after;
};

/// Asks over one connection, which it makes anew when the server has closed it. For tools: calls block, for
/// at most `patience` each. One thread.
class http_client {
public:
  explicit http_client(http_target to, std::chrono::milliseconds patience = std::chrono::seconds{30});
  ~http_client();

  /// Errors: `unavailable`: no answer; whether the server has taken the body is then unknown.
  [[nodiscard]] result<http_answer> post(std::string_view content_type, std::string_view body);
  /// `query` follows the target's path: `?limit=1`. Errors: `unavailable`.
  [[nodiscard]] result<http_answer> get(std::string_view query);

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace tidemill
