#include "pipeline/read_score.hpp"

#include "pipeline/steps/steps.hpp"

#include <algorithm>

namespace tidemill {

std::optional<score_plan> read_score(const text_at& name, const options& settings,
                                     const cel::environment& names, const std::string& path,
                                     std::vector<diagnostic>& faults) {
  auto model = settings.text("model");
  auto entry = std::ranges::find(detectors(), model, [](const detector_entry& e) { return e.about.name; });
  if (entry == detectors().end()) {
    std::vector<std::string> known;
    for (const auto& e : detectors())
      known.emplace_back(e.about.name);
    faults.push_back(fault_at(settings.where("model"), path + ".model", "no model \"" + model + "\"",
                              did_you_mean(model, known)));
    return std::nullopt;
  }
  auto value = compile_at({settings.text("value"), settings.where("value")}, names, path + ".value", faults);
  if (auto made = entry->make(settings); !made)
    faults.push_back(fault_at(name.at, path, made.error().text()));
  if (!value)
    return std::nullopt;
  if (!value->result().numeric())
    faults.push_back(fault_at(settings.where("value"), path + ".value",
                              "a score watches a number, this is " + to_string(value->result())));
  return score_plan{name.text, std::move(*value), &*entry, settings};
}

} // namespace tidemill
