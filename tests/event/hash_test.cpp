#include "event/hash.hpp"

#include <catch2/catch.hpp>

using namespace tidemill;

// Stored data depends on these numbers: published test vectors of XXH3.
TEST_CASE("hashes are XXH3 and never change") {
  CHECK(hash64("") == 0x2d06800538d394c2);
  CHECK(hash64("", 1) != hash64(""));
  CHECK(hash64("a") == 0xe6c632b61e964e1f);
  CHECK(hash64("abc") == 0x78af5f94892f3950);
  CHECK(hash64(std::string_view{"\0", 1}) != hash64(""));
}

TEST_CASE("a content id is 32 hex digits, high half first") {
  CHECK(content_id("") == "99aa06d3014798d86001c324468d497f");
  CHECK(content_id("abc") == "06b05ab6733a618578af5f94892f3950");
}
