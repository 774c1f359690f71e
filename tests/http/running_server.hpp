#pragma once

#include "http/limits.hpp"
#include "http/server.hpp"

#include "tests/http/fake_view.hpp"
#include "tests/http/peer.hpp"

#include <chrono>
#include <thread>

namespace tidemill::test {

/// A server on a free port of this machine.
struct running_server {
  server_limits limits;
  http_server::settings settings;
  server_content content;
  std::unique_ptr<http_server> server;

  running_server() {
    settings.port = 0;
    settings.tick = std::chrono::milliseconds{10};
    limits.linger = std::chrono::milliseconds{200};
    content.pipeline = "shop";
  }
  void start(bool serve = true) {
    auto made = http_server::listen(settings, limits);
    if (!made)
      throw std::runtime_error(made.error().text());
    server = std::move(*made);
    if (serve)
      server->serve(content);
  }
  [[nodiscard]] std::uint16_t port() const { return server->port(); }
};

/// The status of an answer, 0 if there is none.
inline int status_in(const std::string& answer) {
  return answer.substr(0, 9) == "HTTP/1.1 " ? std::stoi(answer.substr(9, 3)) : 0;
}

/// Waits for what another thread does; false after 10 s.
template <class Condition>
bool eventually(Condition condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{10};
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end)
      return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  return true;
}

} // namespace tidemill::test
