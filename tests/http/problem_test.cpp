#include "http/problem.hpp"

#include "http/json.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace tidemill;

TEST_CASE("a problem is JSON with a stable type, code and detail") {
  const auto r = problem(404, "unknown_view", "no view is named \"x\"\n", ",\"known\":[1]");
  CHECK(r.status == 404);
  CHECK(r.content_type == "application/problem+json");
  CHECK(r.body == "{\"type\":\"urn:tidemill:unknown_view\",\"title\":\"Not Found\",\"status\":404,"
                  "\"code\":\"unknown_view\",\"detail\":\"no view is named \\\"x\\\"\\n\",\"known\":[1]}\n");
  CHECK_FALSE(check_json(r.body, json_root::object));
}

TEST_CASE("refusals that pass by themselves say when to come back") {
  for (int number : {429, 503}) {
    const auto r = problem(number, "full", "");
    CHECK(std::count(r.fields.begin(), r.fields.end(),
                     std::pair<std::string, std::string>{"Retry-After", "1"}) == 1);
  }
  CHECK(problem(400, "x", "").fields.size() == 1);
}

TEST_CASE("every error has one HTTP status and one word") {
  CHECK(problem(error{errc::expression_invalid, "where: x"}).status == 400);
  CHECK(status_of(errc::event_malformed) == 400);
  CHECK(status_of(errc::event_too_large) == 413);
  CHECK(status_of(errc::full) == 429);
  for (const auto code : {errc::io, errc::unavailable, errc::corrupt, errc::locked})
    CHECK(status_of(code) == 503);
  CHECK(status_of(errc::bug) == 500);
  CHECK(word_of(errc::event_too_large) == "event_too_large");
  for (int n = 0; n < 10'000; ++n)
    if (const auto s = status_of(static_cast<errc>(n)); s < 200 || s > 599)
      FAIL(n);
}
