#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

enum class kafka_role : std::uint8_t { source, sink };

/// A property of the client library that users may not set, as a promise of ours rests on it.
struct reserved_property {
  std::string_view name;
  std::string_view reason;  ///< a sentence
  std::string_view instead; ///< what to do; may be empty
};
[[nodiscard]] const std::vector<reserved_property>& reserved_properties(kafka_role role);

/// Why a property of `client` is refused: reserved, unknown to the library, or of a value that it doesn't
/// take. Never shows the value. Nothing: it is fine.
struct property_fault {
  std::string text, hint;
};
[[nodiscard]] std::optional<property_fault> check_client_property(kafka_role role, const std::string& name,
                                                                  const std::string& value);

} // namespace tidemill
