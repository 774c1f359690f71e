#pragma once

#include "event/options.hpp"
#include "event/spec.hpp"
#include "http/server.hpp"

#include <string_view>

namespace tidemill {

/// The settings of `serve:`.
[[nodiscard]] const spec& serve_spec();

/// From linted settings.
[[nodiscard]] http_server::settings serve_settings(const options& serve);

/// `host:port`, `[::1]:port`, `:port` or `port`; the host defaults to 127.0.0.1. Errors: `config_invalid`.
[[nodiscard]] status parse_listen_address(std::string_view text, http_server::settings& out);

} // namespace tidemill
