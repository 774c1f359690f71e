#pragma once

#include "http/server.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace tidemill {

/// The messages of `/v1/ws` as texts; docs/websocket.md describes them for clients.

/// Below 3500: reconnect with backoff. From there on: don't, it would end the same way.
enum class close_code : std::uint16_t {
  shutting_down = 3001,
  slow = 3002,        ///< a delivery made no progress, or took too long
  withheld = 3003,    ///< another process may know newer rows
  flood = 3501,       ///< more commands than allowed
  unsupported = 3502, ///< a binary message
  costly = 3503,      ///< a filter takes too much work
};
[[nodiscard]] std::string_view reason_of(close_code code) noexcept;

enum class command_kind { subscribe, unsubscribe, ping, unknown };

/// One message of a client.
struct command {
  std::string id = "null"; ///< JSON text, to be repeated in the reply
  command_kind kind = command_kind::unknown;
  std::string view, where;                                     ///< of `subscribe`
  std::string alert;                                           ///< of `subscribe`, instead of a view
  std::optional<std::pair<std::uint64_t, std::uint64_t>> from; ///< (epoch, offset)
  std::uint64_t sub = 0;                                       ///< of `unsubscribe`
};

/// What is wrong with a message, with the id if one could be read.
struct command_fault {
  std::string id = "null";
  std::string code, text;
};

/// Unknown members are ignored; an unknown command is `kind == unknown`.
[[nodiscard]] std::optional<command_fault> parse_command(std::string_view text, command& out);

[[nodiscard]] std::string hello_message(std::string_view pipeline, std::chrono::milliseconds tick);
[[nodiscard]] std::string error_reply(std::string_view id, std::string_view code, std::string_view text,
                                      bool temporary = false);
[[nodiscard]] std::string subscribed_reply(std::string_view id, std::uint64_t sub, const view_snapshot& view,
                                           bool recovered);
/// `active`: what is pending or firing now. Entries follow from offset `next` on.
[[nodiscard]] std::string subscribed_reply(std::string_view id, std::uint64_t sub, const alert_snapshot& log,
                                           std::uint64_t next, bool recovered);
[[nodiscard]] std::string unsubscribed_reply(std::string_view id, std::uint64_t sub);
[[nodiscard]] std::string pong_reply(std::string_view id);
/// Tells a quiet client that the connection lives.
[[nodiscard]] std::string ping_message();

} // namespace tidemill
