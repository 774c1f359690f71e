#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tidemill {

/// The name of the folder that holds all live state of a data folder: `state.<number>.<holder>`.
///
/// Whoever takes the data folder over renames it to the next number and its own id. So a name never comes
/// back, the name says who is in charge, and every path through an earlier one leads nowhere.
struct generation_id {
  std::uint64_t number = 0;
  std::string holder; ///< 16 hexadecimal digits

  friend bool operator==(const generation_id&, const generation_id&) = default;
};

[[nodiscard]] inline std::string generation_name(const generation_id& g) {
  return "state." + std::to_string(g.number) + "." + g.holder;
}

/// Nothing if the name is not exactly one that `generation_name` makes.
[[nodiscard]] inline std::optional<generation_id> parse_generation(std::string_view name) {
  constexpr std::string_view prefix = "state.";
  if (!name.starts_with(prefix))
    return {};
  generation_id g;
  auto end = name.data() + name.size();
  auto number = std::from_chars(name.data() + prefix.size(), end, g.number);
  if (number.ec != std::errc{} || number.ptr == end)
    return {};
  g.holder.assign(number.ptr + 1, end);
  auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (g.holder.size() != 16 || !std::all_of(g.holder.begin(), g.holder.end(), is_digit) ||
      generation_name(g) != name)
    return {};
  return g;
}

} // namespace tidemill
