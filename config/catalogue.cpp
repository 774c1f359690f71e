#include "config/catalogue.hpp"

#include "actors/spec.hpp"
#include "http/spec.hpp"
#include "pipeline/model/detector.hpp"
#include "pipeline/registry.hpp"
#include "pipeline/step.hpp"
#include "storage/registry.hpp"

namespace tidemill {
namespace {

std::vector<const spec*> pointers(const std::vector<spec>& all) {
  std::vector<const spec*> out;
  for (const auto& s : all)
    out.push_back(&s);
  return out;
}

template <class Entry>
std::vector<const spec*> specs_of(const std::vector<Entry>& all) {
  std::vector<const spec*> out;
  for (const auto& entry : all)
    out.push_back(&entry.about);
  return out;
}

} // namespace

const catalogue& components() {
  static const catalogue all{.sources = pointers(source_specs()),
                             .tables = pointers(table_specs()),
                             .steps = specs_of(steps()),
                             .models = specs_of(detectors()),
                             .sinks = pointers(sink_specs()),
                             .view = &view_spec(),
                             .score = &score_spec(),
                             .join = &join_spec(),
                             .alert = &alert_spec(),
                             .serve = &serve_spec(),
                             .engine = &engine_spec()};
  return all;
}

const spec* find_spec(const std::vector<const spec*>& all, std::string_view name) noexcept {
  for (const auto* s : all)
    if (s->name == name)
      return s;
  return nullptr;
}

std::vector<std::string_view> names_of(const std::vector<const spec*>& all) {
  std::vector<std::string_view> out;
  for (const auto* s : all)
    out.push_back(s->name);
  return out;
}

bool is_inline(const spec& s) noexcept {
  return !s.fields.empty() && s.fields.front().name == s.name;
}

} // namespace tidemill
