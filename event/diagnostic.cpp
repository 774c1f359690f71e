#include "event/diagnostic.hpp"

#include <algorithm>

namespace tidemill {

std::string to_string(const diagnostic& d, const std::string& file) {
  auto out = file;
  if (d.at.line > 0) {
    out += ':' + std::to_string(d.at.line);
    if (d.at.column > 0)
      out += ':' + std::to_string(d.at.column);
  }
  out += d.level == severity::error ? ": error: " : ": warning: ";
  if (!d.path.empty())
    out += d.path + ": ";
  out += d.text;
  if (!d.hint.empty())
    out += " (" + d.hint + ')';
  return out;
}

bool has_errors(const std::vector<diagnostic>& all) {
  return std::any_of(all.begin(), all.end(), [](const diagnostic& d) { return d.level == severity::error; });
}

} // namespace tidemill
