#pragma once

#include "http/conversation.hpp"
#include "http/guard.hpp"

#include <chrono>
#include <cstddef>

namespace tidemill {

/// Everything that bounds what clients can make the server spend. The defaults serve; tests set shorter ones.
struct server_limits {
  header_limits header;
  hub_limits hub;
  conversation_limits conversation;
  std::size_t requests = 10'000;                 ///< on one connection
  std::size_t message = 64u << 10;               ///< of a WebSocket client
  std::size_t memory = 512u << 20;               ///< request and response bodies of all connections
  std::size_t ingest_jobs = 64;                  ///< bodies that wait for the ingest thread
  std::size_t body_rate = 32u << 10;             ///< bytes per second, after `body_grace`
  std::chrono::milliseconds idle{60'000};        ///< between requests
  std::chrono::milliseconds header_time{10'000}; ///< from the first byte of a header to its end
  std::chrono::milliseconds body_gap{10'000};    ///< between two pieces of a body
  std::chrono::milliseconds body_grace{30'000};
  std::chrono::milliseconds stall{30'000};   ///< a write without progress
  std::chrono::milliseconds linger{2'000};   ///< after the last answer of a connection
  std::chrono::milliseconds silence{50'000}; ///< of a WebSocket peer; it is pinged after half of it
  std::chrono::milliseconds farewell{2'000}; ///< for closing handshakes
};

} // namespace tidemill
