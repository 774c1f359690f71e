// Faults that are there only because of others.
#include "pipeline/plan_compiler.hpp"

#include <algorithm>

namespace tidemill {
namespace {

/// Which name a fault says is missing; empty: none.
std::string_view missing_name(std::string_view text) {
  for (std::string_view mark : {"unknown name `", "no field \""})
    if (auto at = text.find(mark); at != text.npos) {
      text.remove_prefix(at + mark.size());
      return text.substr(0, text.find(mark.back()));
    }
  return {};
}

} // namespace

/// The fields that a step with a fault would have made are missing behind it.
void plan_compiler::note_unmade(const component& c, step_scope& scope) {
  auto& missing = scope.missing;
  missing.any |= c.settings.all().empty();
  auto add = [&](const std::string& name) {
    if (!scope.fields.find(name))
      missing.names.push_back(name);
  };
  for (const auto& [name, text] : c.settings.pairs("set"))
    add(name.text);
  for (const auto* fields : {"set", "schema"})
    for (const auto& [name, settings] : c.settings.sections(fields))
      add(name.text);
  for (const auto* name : {"as", "index"})
    if (c.settings.has(name))
      add(c.settings.text(name));
}

void plan_compiler::drop_echoes(std::size_t since, const step_scope::unmade& missing) {
  auto names = missing.names;
  auto echo = [&](const diagnostic& d) {
    const auto name = missing_name(d.text);
    const auto is_echo = !name.empty() && (missing.any || std::ranges::find(names, name) != names.end());
    // What a later entry of the same `set` builds on.
    if (std::string_view set{"set."}; d.path.starts_with(set))
      names.push_back(d.path.substr(set.size()));
    return is_echo;
  };
  auto kept = faults_.begin() + static_cast<std::ptrdiff_t>(since);
  for (auto d = kept; d != faults_.end(); ++d)
    if (!echo(*d)) {
      if (kept != d)
        *kept = std::move(*d);
      ++kept;
    }
  faults_.erase(kept, faults_.end());
}

} // namespace tidemill
