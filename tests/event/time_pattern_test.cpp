#include "event/time_pattern.hpp"

#include <catch2/catch.hpp>

using namespace tidemill;

namespace {

std::string read(std::string_view pattern, std::string_view text) {
  auto p = time_pattern::compile(pattern);
  if (!p)
    return p.error().text();
  auto t = p->parse(text);
  return t ? format_rfc3339(*t) : t.error().text();
}

bool refused(std::string_view pattern, std::string_view text) {
  auto t = time_pattern::compile(pattern)->parse(text);
  return !t && t.error().code() == errc::event_type;
}

} // namespace

TEST_CASE("times are read in the form that a pattern tells") {
  CHECK(read("%Y-%m-%d %H:%M:%S", "2010-12-01 08:26:00") == "2010-12-01T08:26:00Z");
  CHECK(read("%m/%d/%y %H:%M", "12/1/10 8:26") == "2010-12-01T08:26:00Z");
  CHECK(read("%D %R", "12/01/69 08:26") == "1969-12-01T08:26:00Z");
  CHECK(read("%F %T.%f", "2010-12-01 08:26:00.25") == "2010-12-01T08:26:00.25Z");
  CHECK(read("%F %T.%f", "2010-12-01 08:26:00.1234567899") == "2010-12-01T08:26:00.123456789Z");
  CHECK(read("%FT%T%z", "2010-12-01T08:26:00+02:00") == "2010-12-01T06:26:00Z");
  CHECK(read("%FT%T%z", "2010-12-01T08:26:00-0130") == "2010-12-01T09:56:00Z");
  CHECK(read("%FT%T%z", "2010-12-01T08:26:00Z") == "2010-12-01T08:26:00Z");
  CHECK(read("%FT%H%z", "2010-12-01T08+02") == "2010-12-01T06:00:00Z");
  CHECK(read("%d/%b/%Y:%T %z", "17/May/2015:10:05:03 +0000") == "2015-05-17T10:05:03Z");
  CHECK(read("%A, %d %B %Y", "sunday, 17 MAY 2015") == "2015-05-17T00:00:00Z");
  CHECK(read("%a %b %e %T %Y", "Sun May  7 10:05:03 2015") == "2015-05-07T10:05:03Z");
  CHECK(read("%F %I:%M %p", "2015-05-17 12:05 am") == "2015-05-17T00:05:00Z");
  CHECK(read("%F %I:%M %p", "2015-05-17 12:05 PM") == "2015-05-17T12:05:00Z");
  CHECK(read("%F %I:%M %p", "2015-05-17 1:05 PM") == "2015-05-17T13:05:00Z");
  CHECK(read("%Y%m%d", "20150517") == "2015-05-17T00:00:00Z");
  CHECK(read("%Y.%j", "2016.366") == "2016-12-31T00:00:00Z");
  CHECK(read("100%% %F", "100% 2015-05-17") == "2015-05-17T00:00:00Z");
  CHECK(read("%F %T", "2015-05-17   10:05:03") == "2015-05-17T10:05:03Z");
}

TEST_CASE("what doesn't follow a pattern, or is no real time, is refused") {
  for (auto text : {"", "2010-12-01", "2010-12-01 08:26:00 ", "2010-12-01T08:26:00", "10-12-01 08:26:00",
                    "2010-13-01 08:26:00", "2010-00-01 08:26:00", "2010-02-29 08:26:00",
                    "2010-12-01 24:00:00", "2010-12-01 08:60:00", "2010-12-01 08:26:60",
                    "2010-12-01 08:26:6x", "-010-12-01 08:26:00", "0000-12-01 08:26:00"}) {
    INFO(text);
    CHECK(refused("%Y-%m-%d %H:%M:%S", text));
  }
  CHECK(refused("%Y.%j", "2015.366"));
  CHECK(refused("%Y.%j", "2015.0"));
  CHECK(refused("%F%z", "0001-01-01+01:00")); // before the first year
  CHECK(refused("%F%z", "2015-05-17+24:00"));
  CHECK(refused("%F%z", "2015-05-17+01:"));
  CHECK(refused("%F %I%p", "2015-05-17 13PM"));
  CHECK(refused("%F.%f", "2015-05-17."));
  CHECK(read("%F", std::string(1000, '\x01')).size() < 200);
}

TEST_CASE("a pattern that can't tell a time is refused") {
  for (auto pattern : {"", "%", "%Y-%m", "%H:%M", "%m-%d", "%Q", "%Y-%m-%d %", "%Y %y-%m-%d", "%F %m",
                       "%F %j", "%F %I:%M", "%F %H %p", "%F %H %I %p"}) {
    INFO(pattern);
    auto p = time_pattern::compile(pattern);
    CHECK_FALSE(p.has_value());
    CHECK((p ? errc::none : p.error().code()) == errc::config_invalid);
  }
}
