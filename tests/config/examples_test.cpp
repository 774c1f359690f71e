#include "config/load.hpp"
#include "pipeline/plan.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

using namespace tidemill;

namespace {

const std::map<std::string, std::string> variables{{"ACCESS_LOG", "access.log"}, {"GEOIP", "country.mmdb"}};

std::optional<std::string> variable(std::string_view name) {
  auto found = variables.find(std::string{name});
  return found == variables.end() ? std::nullopt : std::optional{found->second};
}

std::vector<std::string> examples() {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator{TIDEMILL_SOURCE_DIR "/examples"})
    if (entry.path().extension() == ".yaml" && !entry.path().stem().string().ends_with(".tests"))
      out.push_back(entry.path().string());
  std::ranges::sort(out);
  return out;
}

// As the MaxMind DB that the example names would have.
result<schema> columns_of(const component&) {
  return schema{{field{"country_code", type{kind::string, true}, {}, time_format::rfc3339}}};
}

std::string texts(const std::vector<diagnostic>& all, const std::string& file) {
  std::string out;
  for (const auto& d : all)
    out += to_string(d, file) + '\n';
  return out;
}

} // namespace

TEST_CASE("every pipeline in examples/ is free of faults, and of warnings") {
  const auto files = examples();
  REQUIRE(files.size() >= 3);
  for (const auto& file : files) {
    auto read = load_file(file, variable);
    CHECK(texts(read.diagnostics, file) == "");
    std::vector<diagnostic> faults;
    const auto made = compile_plan(read.pipeline, columns_of, faults);
    CHECK(texts(faults, file) == "");
    CHECK(made != nullptr);
  }
}
