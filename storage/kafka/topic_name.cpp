#include "storage/kafka/topic_name.hpp"

#include <algorithm>

namespace tidemill {

bool is_topic_name(std::string_view name) noexcept {
  auto legal = [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  return !name.empty() && name.size() <= 249 && name != "." && name != ".." &&
         std::ranges::all_of(name, legal);
}

} // namespace tidemill
