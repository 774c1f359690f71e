#include "pipeline/cel/function.hpp"

#include <catch2/catch.hpp>

#include <fstream>
#include <iterator>

using namespace tidemill;

TEST_CASE("docs/expressions.md names every function", "[cel]") {
  std::ifstream in{TIDEMILL_SOURCE_DIR "/docs/expressions.md"};
  const std::string page{std::istreambuf_iterator<char>{in}, {}};
  REQUIRE_FALSE(page.empty());
  for (const auto& f : cel::functions()) {
    const std::string name{f.name};
    if (name.find('_') != std::string::npos || name.front() == '@')
      continue; // an operator
    INFO(name);
    auto begin = name.front() == '.' ? name : "`" + name;
    CHECK((page.find(begin + "`") != std::string::npos || page.find(begin + "(") != std::string::npos));
  }
}
