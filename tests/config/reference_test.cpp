#include "config/docs.hpp"
#include "config/json_schema.hpp"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

namespace {

/// Whether a file is what was made; with TIDEMILL_UPDATE=1 it is afterwards.
bool same(const std::string& path, const std::string& made) {
  if (const auto* update = std::getenv("TIDEMILL_UPDATE"); update != nullptr && std::string{update} == "1")
    std::ofstream{path, std::ios::binary} << made;
  std::ifstream in{path, std::ios::binary};
  return std::string{std::istreambuf_iterator<char>{in}, {}} == made;
}

} // namespace

TEST_CASE("docs/reference.md and its pages are what the specs say, TIDEMILL_UPDATE=1 rewrites them") {
  const std::filesystem::path docs{TIDEMILL_SOURCE_DIR "/docs"};
  INFO("run test_config with TIDEMILL_UPDATE=1 and look at the difference");
  std::set<std::filesystem::path> made;
  for (const auto& page : tidemill::reference_pages()) {
    CAPTURE(page.path);
    CHECK(same((docs / page.path).string(), page.text));
    made.insert(docs / page.path);
  }
  for (const auto& there : std::filesystem::directory_iterator{docs / "reference"}) {
    CAPTURE(there.path());
    CHECK(made.contains(there.path())); // else of a kind that is no more: delete it
  }
}

TEST_CASE("links between the pages of the reference lead to pages that are there") {
  const std::filesystem::path docs{TIDEMILL_SOURCE_DIR "/docs"};
  for (const auto& page : tidemill::reference_pages())
    for (auto at = page.text.find("]("); at != std::string::npos; at = page.text.find("](", at + 1)) {
      auto link = page.text.substr(at + 2, page.text.find(')', at) - at - 2);
      CAPTURE(page.path, link);
      CHECK(std::filesystem::exists((docs / page.path).parent_path() / link));
    }
}

TEST_CASE("docs/pipeline.schema.json is what the specs say, TIDEMILL_UPDATE=1 rewrites it") {
  INFO("run test_config with TIDEMILL_UPDATE=1 and look at the difference");
  CHECK(same(TIDEMILL_SOURCE_DIR "/docs/pipeline.schema.json", tidemill::pipeline_schema()));
}
