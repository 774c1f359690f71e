#include "event/json_member.hpp"

namespace tidemill {

const value* json_member(const value& object, std::string_view name) noexcept {
  const auto* members = object.as_map();
  if (members == nullptr)
    return nullptr;
  for (const auto& [key, member] : *members)
    if (const auto* text = key.get_if<std::string>(); text != nullptr && *text == name)
      return &member;
  return nullptr;
}

} // namespace tidemill
