#pragma once

#include "event/result.hpp"

#include <chrono>
#include <string>
#include <string_view>

namespace tidemill {

/// A token for OAUTHBEARER.
struct bearer_token {
  std::string text;
  std::chrono::sys_time<std::chrono::milliseconds> expires;
  std::string principal;
};

/// Reads what a token command printed: a JWT (`exp` and `sub` or `client_id` in its payload say the rest), or
/// JSON `{"access_token": …, "expires_in": seconds}` as OAuth servers answer; `token` does for
/// `access_token`, `expires_at` (seconds since 1970) for `expires_in`, and `principal` may be given. What is
/// missing is taken from the token if it is a JWT. `now`: what `expires_in` counts from. Errors: `refused`.
[[nodiscard]] result<bearer_token> parse_token(std::string_view printed,
                                               std::chrono::sys_time<std::chrono::milliseconds> now);

/// Runs a command by /bin/sh and reads its standard output. Errors: `unavailable` (it failed, or took longer
/// than `limit`), `refused` as above. The text shows neither the command nor its output.
[[nodiscard]] result<bearer_token> fetch_token(const std::string& command,
                                               std::chrono::milliseconds limit = std::chrono::seconds{30});

} // namespace tidemill
