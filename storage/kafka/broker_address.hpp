#pragma once

#include "event/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

struct broker_address {
  std::string host;
  std::uint16_t port = 9092;
};

/// `host`, `host:port`, `[::1]:port`. Errors: `config_invalid`.
[[nodiscard]] result<broker_address> parse_broker_address(std::string_view text);

/// `a:9092, b:9092` as two, since variables hold lists that way. Never empty.
[[nodiscard]] std::vector<std::string> split_addresses(std::string_view text);

} // namespace tidemill
