#pragma once

#include "http/hub.hpp"
#include "http/protocol.hpp"

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace tidemill {

struct conversation_limits {
  std::size_t subscriptions = 128;
  std::size_t replies = 64;   ///< waiting answers; beyond, no message is taken
  double commands_per_s = 50; ///< sustained
  double command_burst = 300; ///< at once
  std::chrono::seconds ping{25};
  std::chrono::minutes delivery{10}; ///< for all frames of one delivery
};

/// One WebSocket client without its socket: messages in, messages out.
///
/// Not thread-safe; belongs to the thread of its hub.
class conversation {
public:
  conversation(hub& h, std::chrono::milliseconds tick, steady_time now, conversation_limits limits = {});

  /// Takes a text message. A close code if the client must go.
  [[nodiscard]] std::optional<close_code> receive(std::string_view text, steady_time now);

  /// A message to write: `head`, then the frame's body if there is one.
  struct message {
    std::string head;
    std::shared_ptr<const frame> push;
  };
  /// The next message if there is one; call it when the one before is written.
  [[nodiscard]] std::optional<message> next(steady_time now);

  /// Too many answers wait: read no further until some are written.
  [[nodiscard]] bool congested() const noexcept { return replies_.size() >= limits_.replies; }
  /// A delivery has taken too long.
  [[nodiscard]] bool too_slow(steady_time now) const;
  /// A filter takes more than its share of the thread.
  [[nodiscard]] bool too_costly() const;
  [[nodiscard]] std::size_t subscriptions() const noexcept { return subscriptions_.size() + logs_.size(); }

private:
  void subscribe(const command& c);
  void follow(const command& c);
  [[nodiscard]] bool too_many(const command& c);
  /// What one of the subscriptions has to tell; nothing: none has anything.
  [[nodiscard]] std::optional<message> next_push(steady_time now);
  [[nodiscard]] bool allowed(steady_time now);

  hub& hub_;
  conversation_limits limits_;
  std::deque<std::string> replies_;
  std::map<std::uint64_t, hub::subscription> subscriptions_;
  std::map<std::uint64_t, hub::log_subscription> logs_; ///< of alerts; numbered with the others
  std::uint64_t last_sub_ = 0;                          ///< the newest number given
  std::uint64_t turn_ = 0;                              ///< the subscription that was served last
  double tokens_;
  steady_time refilled_, written_;
};

} // namespace tidemill
