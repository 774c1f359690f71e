#include "config/docs.hpp"
#include "config/json_schema.hpp"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <fstream>
#include <iterator>
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

TEST_CASE("docs/reference.md is what the specs say; TIDEMILL_UPDATE=1 rewrites it") {
  INFO("run test_config with TIDEMILL_UPDATE=1 and look at the difference");
  CHECK(same(TIDEMILL_SOURCE_DIR "/docs/reference.md", tidemill::reference_markdown()));
}

TEST_CASE("docs/pipeline.schema.json is what the specs say; TIDEMILL_UPDATE=1 rewrites it") {
  INFO("run test_config with TIDEMILL_UPDATE=1 and look at the difference");
  CHECK(same(TIDEMILL_SOURCE_DIR "/docs/pipeline.schema.json", tidemill::pipeline_schema()));
}
