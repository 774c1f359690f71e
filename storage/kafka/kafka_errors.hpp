#pragma once

#include "event/error.hpp"

#include <string>
#include <string_view>

namespace tidemill {

/// What an error number of the client library or of a broker (`rd_kafka_resp_err_t`) is for us: `fenced`,
/// `refused` (asking again won't help), else `unavailable`.
[[nodiscard]] errc kafka_code(int number) noexcept;

/// An error with the library's name for it: `<doing>: Broker: Group authorization failed`.
[[nodiscard]] error kafka_error(int number, std::string_view doing);

/// The library's `sasl_ssl://host:9092/bootstrap: Connect to … failed: … (after 0ms in state CONNECT)`
/// without the address and the state, and with our settings' names.
[[nodiscard]] std::string plain_reason(std::string_view reason);

/// Whether a failed handshake is the fault of settings (an unknown certificate, say) and not of a connection
/// that broke in the middle of it.
[[nodiscard]] bool is_tls_refusal(std::string_view reason) noexcept;

} // namespace tidemill
