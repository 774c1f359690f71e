#pragma once

#include "config/load.hpp"

#include <map>
#include <string>

namespace tidemill::test {

/// Loads a text with an environment of its own.
inline loaded load(std::string_view text, const std::map<std::string, std::string>& environment = {}) {
  return load_text(text, "p.yaml", [&](std::string_view name) -> std::optional<std::string> {
    auto found = environment.find(std::string{name});
    return found != environment.end() ? std::optional{found->second} : std::nullopt;
  });
}

/// All faults, one a line, as a user sees them.
inline std::string faults(const loaded& l) {
  std::string out;
  for (const auto& d : l.diagnostics)
    out += to_string(d, "p.yaml").substr(7) + '\n'; // without "p.yaml:"
  return out;
}

inline std::string faults(std::string_view text, const std::map<std::string, std::string>& environment = {}) {
  return faults(load(text, environment));
}

/// A pipeline that has all that is required, for tests of the rest: what follows begins at line 3.
inline const std::string head = "pipeline: p\nsources: {g: {type: generate, time: {field: ts}}}\n";

/// A stream with these steps: they begin at line 7, column 9.
inline std::string with_steps(const std::string& steps) {
  return head + "streams:\n  s:\n    from: g\n    steps:\n" + steps;
}

} // namespace tidemill::test
