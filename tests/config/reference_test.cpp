#include "config/docs.hpp"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

TEST_CASE("docs/reference.md is what the specs say; TIDEMILL_UPDATE=1 rewrites it") {
  const std::string path = TIDEMILL_SOURCE_DIR "/docs/reference.md";
  const auto made = tidemill::reference_markdown();
  if (const auto* update = std::getenv("TIDEMILL_UPDATE"); update != nullptr && std::string{update} == "1")
    std::ofstream{path, std::ios::binary} << made;
  std::ifstream in{path, std::ios::binary};
  const std::string kept{std::istreambuf_iterator<char>{in}, {}};
  // Not compared with ==, which would print both pages.
  const auto same = kept == made;
  INFO("run test_config with TIDEMILL_UPDATE=1 and look at the difference");
  CHECK(same);
}
