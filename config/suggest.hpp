#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// Single letters to insert, remove, replace or swap with the next one, to get from `a` to `b`.
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

/// The name that was probably meant: nearest by edits, if near enough; empty if none is.
[[nodiscard]] std::string_view nearest(std::string_view word, const std::vector<std::string_view>& names);

/// `did you mean "by"?`, or `known: a, b, c` if no name is near.
[[nodiscard]] std::string suggestion(std::string_view word, const std::vector<std::string_view>& names);

} // namespace tidemill
