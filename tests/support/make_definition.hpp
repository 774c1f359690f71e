#pragma once

#include "event/definition.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

/// Builds definitions in tests without YAML.
namespace tidemill::test {

inline option text_option(std::string text) {
  return {{}, std::move(text)};
}
inline option time_option(microseconds t) {
  return {{}, t};
}
inline option texts_option(std::vector<std::string> all) {
  std::vector<text_at> texts;
  for (auto& t : all)
    texts.push_back({std::move(t), {}});
  return {{}, std::move(texts)};
}
inline option pairs_option(std::vector<std::pair<std::string, std::string>> all) {
  std::vector<std::pair<text_at, text_at>> pairs;
  for (auto& [a, b] : all)
    pairs.push_back({{std::move(a), {}}, {std::move(b), {}}});
  return {{}, std::move(pairs)};
}
inline options section(std::vector<std::pair<std::string, option>> all) {
  options o;
  for (auto& [name, value] : all)
    o.set(name, std::move(value));
  return o;
}
inline option section_option(std::vector<std::pair<std::string, option>> all) {
  return {{}, std::shared_ptr<const options>{std::make_shared<options>(section(std::move(all)))}};
}
inline option sections_option(std::vector<std::pair<std::string, options>> all) {
  option::section_list list;
  for (auto& [name, o] : all)
    list.push_back({{name, {}}, std::make_shared<const options>(std::move(o))});
  return {{}, std::move(list)};
}
inline option schema_option(std::vector<std::pair<std::string, std::string>> fields) {
  std::vector<std::pair<std::string, options>> all;
  for (auto& [name, of] : fields)
    all.emplace_back(name, section({{"type", text_option(of)}}));
  return sections_option(std::move(all));
}

} // namespace tidemill::test
