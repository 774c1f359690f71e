#include "pipeline/window/calendar.hpp"

#include <catch2/catch.hpp>

#include <random>

using namespace tidemill;
using std::chrono::hours;
using std::chrono::seconds;

namespace {

time_zone_ptr zone_of(std::string_view rule) {
  auto made = time_zone::from_rule(rule);
  REQUIRE(made.has_value());
  return std::make_shared<const time_zone>(*made);
}

event_time at(const std::string& text) {
  return to_event_time(parse_rfc3339(text).value());
}

const char* const berlin = "CET-1CEST,M3.5.0,M10.5.0/3";
const char* const at_midnight = "<-03>3<-02>,M10.3.0/0,M2.3.0/0"; // both changes touch midnight
const char* const past_midnight = "NST3:30NDT,M3.2.0/0:01,M11.1.0/0:01";

} // namespace

TEST_CASE("units of a calendar follow each other, and each instant lies in the one that its number names") {
  std::mt19937_64 random{1};
  for (auto unit : {calendar_unit::day, calendar_unit::week, calendar_unit::month, calendar_unit::quarter,
                    calendar_unit::year})
    for (const char* rule : {"", berlin, at_midnight, past_midnight})
      for (auto shift : {seconds{0}, seconds{hours{2}}, seconds{hours{23}} + seconds{1}}) {
        calendar c{unit, shift, *rule != '\0' ? zone_of(rule) : nullptr};
        INFO(to_string(unit) << ' ' << rule << ' ' << shift.count());
        for (int i = 0; i < 300; ++i) {
          auto t = event_time{seconds{static_cast<std::int64_t>(random() % 8'000'000'000) - 4'000'000'000}};
          auto s = c.unit_of(t);
          REQUIRE(c.start_of(s) <= t);
          REQUIRE(t < c.start_of(s + 1));
          REQUIRE(c.unit_of(c.start_of(s)) == s);
          REQUIRE(c.unit_of(c.start_of(s) - microseconds{1}) == s - 1);
        }
        REQUIRE(c.unit_of(event_time{} + shift + hours{12}) == 0);
      }
}

TEST_CASE("a day has 23 hours when clocks are set forward, and 25 when they are set back") {
  calendar days{calendar_unit::day, {}, zone_of(berlin)};
  auto spring = days.unit_of(at("2026-03-29T12:00:00Z"));
  CHECK(days.start_of(spring) == at("2026-03-28T23:00:00Z"));
  CHECK(days.start_of(spring + 1) == at("2026-03-29T22:00:00Z"));
  auto autumn = days.unit_of(at("2026-10-25T12:00:00Z"));
  CHECK(days.start_of(autumn + 1) - days.start_of(autumn) == hours{25});
}

TEST_CASE("a day begins with the change where clocks pass over midnight, and once where it comes twice") {
  calendar forward{calendar_unit::day, {}, zone_of(at_midnight)};
  // 2026-10-18 00:00 -03 becomes 01:00 -02.
  CHECK(forward.start_of(forward.unit_of(at("2026-10-18T12:00:00Z"))) == at("2026-10-18T03:00:00Z"));
  calendar back{calendar_unit::day, {}, zone_of(past_midnight)};
  // 2026-11-01 00:01 NDT becomes 23:01 NST of the day before: the day has begun, and goes on.
  auto day = back.unit_of(at("2026-11-01T12:00:00Z"));
  CHECK(back.start_of(day) == at("2026-11-01T02:30:00Z"));
  CHECK(back.unit_of(at("2026-11-01T02:45:00Z")) == day);
  CHECK(back.start_of(day + 1) - back.start_of(day) == hours{25});
}

TEST_CASE("weeks begin on Mondays, and with a shift on another day or at another hour") {
  CHECK(calendar{calendar_unit::week}.start_of(0) == at("1969-12-29T00:00:00Z"));
  calendar sundays{calendar_unit::week, hours{24 * 6}};
  CHECK(sundays.start_of(sundays.unit_of(at("2026-01-07T00:00:00Z"))) == at("2026-01-04T00:00:00Z"));
  calendar shifts{calendar_unit::day, hours{6}, zone_of(berlin)};
  CHECK(shifts.start_of(shifts.unit_of(at("2026-07-01T03:59:59Z"))) == at("2026-06-30T04:00:00Z"));
}

TEST_CASE("months, quarters and years have the lengths of the calendar") {
  calendar months{calendar_unit::month}, quarters{calendar_unit::quarter}, years{calendar_unit::year};
  CHECK(months.start_of(months.unit_of(at("2024-02-29T23:59:59Z")) + 1) == at("2024-03-01T00:00:00Z"));
  CHECK(months.unit_of(at("1969-12-31T23:59:59Z")) == -1);
  CHECK(quarters.start_of(quarters.unit_of(at("2026-06-30T00:00:00Z"))) == at("2026-04-01T00:00:00Z"));
  CHECK(years.unit_of(at("1969-01-01T00:00:00Z")) == -1);
  CHECK(years.start_of(56) == at("2026-01-01T00:00:00Z"));
}
