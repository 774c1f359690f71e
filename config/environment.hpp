#pragma once

#include "event/result.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace tidemill {

/// The value of an environment variable; nothing if it is not set.
using environment_lookup = std::function<std::optional<std::string>(std::string_view name)>;

/// A text with its variables replaced.
struct expanded_text {
  std::string text;
  bool replaced = false; ///< it holds values from outside, which may be secrets: don't show it
};

/// Replaces `${NAME}`, `${NAME:-default}` (also if empty) and `${NAME:?message}` (an error if unset or
/// empty). `$${` stands for `${`, any other `$` for itself. Values are not looked into again; the result is
/// at most 1 MiB. Errors: `config_invalid`.
[[nodiscard]] result<expanded_text> expand_environment(std::string_view text,
                                                       const environment_lookup& environment);

} // namespace tidemill
