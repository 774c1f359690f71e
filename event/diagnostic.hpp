#pragma once

#include <string>
#include <vector>

namespace tidemill {

/// A place in a configuration file; 0 is "unknown".
struct position {
  int line = 0;   ///< from 1
  int column = 0; ///< from 1, in characters
  friend auto operator<=>(const position&, const position&) = default;
};

enum class severity : unsigned char { error, warning };

/// One fault of a configuration: what, where, and what to do.
struct diagnostic {
  severity level = severity::error;
  position at;
  std::string path; ///< `views.traffic.select.p99`
  std::string text; ///< `unknown key "group_by"`
  std::string hint; ///< `did you mean "by"?`; may be empty
};

/// `FILE:12:5: error: views.traffic: unknown key "group_by" (did you mean "by"?)`
[[nodiscard]] std::string to_string(const diagnostic& d, const std::string& file);
[[nodiscard]] bool has_errors(const std::vector<diagnostic>& all);

} // namespace tidemill
