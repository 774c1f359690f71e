#pragma once

#include "event/result.hpp"
#include "storage/kafka/kafka_settings.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

struct rd_kafka_s;
struct rd_kafka_conf_s;

namespace tidemill {

/// A handle of the client library with all that comes back beside data: connections, refusals, fences,
/// throttling, tokens. The library prints nothing. Internal to this folder.
class kafka_client {
public:
  enum class kind : std::uint8_t { consumer, producer };
  struct setup {
    kind of = kind::consumer;
    std::map<std::string, std::string> defaults; ///< give way to the user's properties
    std::map<std::string, std::string> forced;   ///< promises rest on them: they win
    /// Sets more callbacks; those get `kafka_client*` as their opaque.
    std::function<void(rd_kafka_conf_s*)> callbacks = {};
    void* owner = nullptr; ///< for those callbacks
  };

  /// Doesn't wait for a connection. Errors: `config_invalid`, with the property's name.
  [[nodiscard]] static result<std::unique_ptr<kafka_client>> make(const kafka_client_settings& s, setup how);
  /// Ends the handle without closing its group membership; whatever is not delivered is dropped.
  ~kafka_client();
  /// The same in a thread of its own if it takes longer than a second: the library waits for requests under
  /// way, and for ever after some deletions of topics.
  static void end(std::unique_ptr<kafka_client> client);
  kafka_client(const kafka_client&) = delete;
  kafka_client& operator=(const kafka_client&) = delete;

  [[nodiscard]] rd_kafka_s* handle() const noexcept { return handle_; }
  [[nodiscard]] void* owner() const noexcept { return owner_; }
  /// The brokers' addresses as they were given, for texts.
  [[nodiscard]] const std::string& brokers() const noexcept { return brokers_; }

  /// Serves callbacks that wait in the main queue, up to `wait`.
  void serve(std::chrono::milliseconds wait);
  /// How things stand. Success: a broker answers, or nothing is known yet. Errors: `unavailable` (no
  /// broker is reachable), `refused` (authentication, TLS: no broker lets us in), `fenced`, `bug` (the
  /// library gave up). Any thread.
  [[nodiscard]] status state() const;
  /// The newest reason why a connection failed, even if one was made since: a broker that wants another login
  /// takes connections and closes them. Empty: none did. Any thread.
  [[nodiscard]] std::string last_fault() const;
  /// Whether a broker answers. Any thread.
  [[nodiscard]] bool up() const;
  /// The newest delay that a broker imposed on us.
  [[nodiscard]] std::chrono::milliseconds throttle() const noexcept {
    return std::chrono::milliseconds{throttle_ms_.load(std::memory_order_relaxed)};
  }

private:
  friend struct kafka_client_callbacks;
  kafka_client() = default;

  rd_kafka_s* handle_ = nullptr;
  void* owner_ = nullptr;
  std::string brokers_;
  std::string token_command_;
  bool scram_ = false; // that is how we log in
  std::atomic<int> throttle_ms_{0};

  mutable std::mutex mutex_;                // guards what follows
  std::map<std::thread::id, bool> answers_; // by connection
  std::string unreachable_, refused_, last_fault_;
};

} // namespace tidemill
