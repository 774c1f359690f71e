#include "event/time.hpp"

#include <catch2/catch.hpp>

#include <ctime>
#include <limits>
#include <random>

using namespace tidemill;
using namespace std::chrono_literals;

namespace {

timestamp at(std::string_view text) {
  auto t = parse_rfc3339(text);
  if (!t)
    FAIL(t.error().text());
  return *t;
}

std::int64_t nanos(std::string_view text) {
  auto d = parse_cel_duration(text);
  if (!d)
    FAIL(d.error().text());
  return d->nanos;
}

microseconds config(std::string_view text) {
  auto d = parse_config_duration(text);
  if (!d)
    FAIL(d.error().text());
  return *d;
}

} // namespace

TEST_CASE("civil fields of every day from 0001 to 9999 count forward by one day") {
  std::int64_t seconds = timestamp_min_seconds;
  int year = 1;
  unsigned month = 1, day = 1, weekday = 1, year_day = 0; // 0001-01-01 was a Monday
  constexpr unsigned days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  while (year <= 9999) {
    auto c = to_civil(seconds + 86'399);
    if (c.year != year || c.month != month || c.day != day || c.weekday != weekday ||
        c.year_day != year_day || c.hour != 23 || c.minute != 59 || c.second != 59 ||
        from_civil(year, month, day) != seconds)
      FAIL(year << "-" << month << "-" << day);
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    seconds += 86'400;
    weekday = (weekday + 1) % 7;
    ++year_day;
    if (++day > days[month - 1] + (month == 2 && leap ? 1u : 0u)) {
      day = 1;
      if (++month > 12) {
        month = 1;
        year_day = 0;
        ++year;
      }
    }
  }
  CHECK(seconds == timestamp_max_seconds + 1);
}

TEST_CASE("civil fields agree with the C library") {
  std::mt19937_64 random{1};
  for (int i = 0; i < 20'000; ++i) {
    auto seconds = static_cast<std::int64_t>(random() % 315'537'897'600u) + timestamp_min_seconds;
    std::time_t clock = seconds;
    std::tm tm{};
    gmtime_r(&clock, &tm);
    auto c = to_civil(seconds);
    if (c.year != tm.tm_year + 1900 || c.month != tm.tm_mon + 1 || c.day != tm.tm_mday ||
        c.hour != tm.tm_hour || c.minute != tm.tm_min || c.second != tm.tm_sec || c.weekday != tm.tm_wday ||
        c.year_day != tm.tm_yday)
      FAIL(seconds);
  }
  for (auto extreme : {std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()})
    CHECK(to_civil(extreme).month >= 1);
}

TEST_CASE("RFC 3339 is read at its edges") {
  CHECK(at("1970-01-01T00:00:00Z") == timestamp{});
  CHECK(at("2015-05-17T10:05:03Z") == timestamp{1'431'857'103, 0});
  CHECK(at("0001-01-01T00:00:00Z") == timestamp{timestamp_min_seconds, 0});
  CHECK(at("9999-12-31T23:59:59.999999999Z") == timestamp{timestamp_max_seconds, 999'999'999});
  CHECK(at("2016-02-29T00:00:00Z").seconds == 1'456'704'000);
  CHECK(at("2000-02-29T12:00:00+02:00") == at("2000-02-29T10:00:00Z"));
  CHECK(at("2000-01-01T00:00:00-11:30") == at("2000-01-01T11:30:00Z"));
  CHECK(at("2000-01-01T00:00:00-00:00") == at("2000-01-01T00:00:00Z"));
}

TEST_CASE("fraction digits after the ninth are cut, and fractions count forward before 1970") {
  CHECK(at("1970-01-01T00:00:00.1Z").nanos == 100'000'000);
  CHECK(at("1970-01-01T00:00:00.123456789999Z").nanos == 123'456'789);
  CHECK(at("1970-01-01T00:00:00.000000000Z").nanos == 0);
  CHECK(at("1969-12-31T23:59:59.5Z") == timestamp{-1, 500'000'000});
  auto c = to_civil(at("1969-12-31T23:59:59.5Z").seconds);
  CHECK(c.second == 59);
}

TEST_CASE("what is not RFC 3339 is refused") {
  for (auto bad : {"",
                   "2015",
                   "2015-05-17",
                   "2015-05-17T10:05:03",
                   "2015-05-17 10:05:03Z",
                   "2015-05-17t10:05:03Z",
                   "2015-05-17T10:05:03z",
                   "2015-05-17T10:05:60Z",
                   "2015-05-17T24:00:00Z",
                   "2015-05-17T10:60:00Z",
                   "2015-02-29T00:00:00Z",
                   "1900-02-29T00:00:00Z",
                   "2015-04-31T00:00:00Z",
                   "2015-13-01T00:00:00Z",
                   "2015-00-01T00:00:00Z",
                   "2015-01-00T00:00:00Z",
                   "2015-05-17T10:05:03.Z",
                   "2015-05-17T10:05:03,5Z",
                   "2015-05-17T10:05:03+0200",
                   "2015-05-17T10:05:03+24:00",
                   "2015-05-17T10:05:03+02:60",
                   "2015-05-17T10:05:03+02",
                   "2015-05-17T10:05:03ZZ",
                   "2015-05-17T10:05:03Z ",
                   " 2015-05-17T10:05:03Z",
                   "+015-05-17T10:05:03Z",
                   "2015-5-17T10:05:03Z0",
                   "20150517T100503Z0000",
                   "-001-01-01T00:00:00Z",
                   "2015-05-17T10:05:0\xC2\xB2Z"}) {
    INFO(bad);
    auto t = parse_rfc3339(bad);
    CHECK(t.has_error());
    if (t.has_error())
      CHECK(t.error().code() == errc::event_type);
  }
}

TEST_CASE("the range holds after the offset is applied") {
  CHECK(parse_rfc3339("0001-01-01T00:00:00+00:01").has_error());
  CHECK(parse_rfc3339("9999-12-31T23:59:59-00:01").has_error());
  CHECK(at("0001-01-01T00:01:00+00:01").seconds == timestamp_min_seconds);
  CHECK(at("0000-12-31T23:59:00-00:01").seconds == timestamp_min_seconds);
}

TEST_CASE("RFC 3339 is written in UTC without trailing zeros") {
  CHECK(format_rfc3339(timestamp{}) == "1970-01-01T00:00:00Z");
  CHECK(format_rfc3339(timestamp{timestamp_min_seconds, 1}) == "0001-01-01T00:00:00.000000001Z");
  CHECK(format_rfc3339(timestamp{timestamp_max_seconds, 999'999'999}) == "9999-12-31T23:59:59.999999999Z");
  CHECK(format_rfc3339(timestamp{-1, 500'000'000}) == "1969-12-31T23:59:59.5Z");
  CHECK(format_rfc3339(timestamp{std::numeric_limits<std::int64_t>::max(), 0}).size() == 20);
  CHECK(format_rfc3339(event_time{1'431'857'103'000'000us}) == "2015-05-17T10:05:03Z");
  CHECK(format_rfc3339(time_min) == "-infinity");
  CHECK(format_rfc3339(time_max) == "infinity");
}

TEST_CASE("every timestamp survives its text") {
  std::mt19937_64 random{2};
  for (int i = 0; i < 50'000; ++i) {
    constexpr std::int32_t scales[] = {1, 1000, 1'000'000, 100'000'000, 999'999'999};
    auto scale = scales[random() % 5];
    timestamp t{static_cast<std::int64_t>(random() % 315'537'897'600u) + timestamp_min_seconds,
                static_cast<std::int32_t>(random() % (1'000'000'000u / static_cast<unsigned>(scale))) *
                    scale};
    if (at(format_rfc3339(t)) != t)
      FAIL(format_rfc3339(t));
  }
}

TEST_CASE("event time cuts towards the past") {
  CHECK(to_event_time({0, 1'999}).time_since_epoch() == 1us);
  CHECK(to_event_time({-1, 999'999'999}).time_since_epoch() == -1us);
  CHECK(to_timestamp(event_time{-1us}) == timestamp{-1, 999'999'000});
  CHECK(to_timestamp(event_time{1'500'000us}) == timestamp{1, 500'000'000});
  for (auto t : {timestamp{timestamp_min_seconds, 0}, timestamp{timestamp_max_seconds, 999'999'000}})
    CHECK(to_timestamp(to_event_time(t)) == t);
  CHECK(to_timestamp(time_min).seconds == timestamp_min_seconds);
  CHECK(to_timestamp(time_max).seconds == timestamp_max_seconds);
  CHECK(to_event_time({std::numeric_limits<std::int64_t>::max(), 0}) < time_max);
  CHECK(to_event_time({std::numeric_limits<std::int64_t>::min(), 0}) > time_min);
}

TEST_CASE("the time of an Apache log is read") {
  CHECK(*parse_apache_time("17/May/2015:10:05:03 +0000") == timestamp{1'431'857'103, 0});
  CHECK(*parse_apache_time("01/Jan/2000:00:30:00 +0130") == at("1999-12-31T23:00:00Z"));
  CHECK(*parse_apache_time("29/Feb/2016:23:59:59 -0700") == at("2016-03-01T06:59:59Z"));
  for (auto bad : {"", "17/May/2015:10:05:03", "17/may/2015:10:05:03 +0000", "17/anF/2015:10:05:03 +0000",
                   "30/Feb/2015:10:05:03 +0000", "17/May/2015:24:05:03 +0000", "17/May/2015:10:05:60 +0000",
                   "7/May/2015:10:05:03 +00000", "17/May/2015:10:05:03 +2500", "17/May/2015 10:05:03 +0000",
                   "00/May/2015:10:05:03 +0000", "01/Jan/0000:00:00:00 +0000"}) {
    INFO(bad);
    CHECK(parse_apache_time(bad).has_error());
  }
}

TEST_CASE("CEL durations are read") {
  CHECK(nanos("0") == 0);
  CHECK(nanos("-0") == 0);
  CHECK(nanos("1h30m") == 5'400'000'000'000);
  CHECK(nanos("-1.5s") == -1'500'000'000);
  CHECK(nanos("+2ms") == 2'000'000);
  CHECK(nanos("3us") == 3'000);
  CHECK(nanos("3µs") == 3'000);
  CHECK(nanos("3μs") == 3'000);
  CHECK(nanos(".5m") == 30'000'000'000);
  CHECK(nanos("1.h") == 3'600'000'000'000);
  CHECK(nanos("1s1s") == 2'000'000'000);
  CHECK(nanos("1.9ns") == 1);
  CHECK(nanos("0.3333333333333333333h") == 1'199'999'999'999);
  CHECK(nanos("9223372036854775807ns") == std::numeric_limits<std::int64_t>::max());
  CHECK(nanos("-9223372036854775808ns") == std::numeric_limits<std::int64_t>::min());
}

TEST_CASE("what is no CEL duration is refused") {
  for (auto bad : {"",
                   "1",
                   "-",
                   "s",
                   "1d",
                   "1w",
                   "1 s",
                   " 1s",
                   "1s ",
                   "1S",
                   "1hour",
                   ".s",
                   "--1s",
                   "1.5.5s",
                   "inf",
                   "1e3s",
                   "PT1H",
                   "9223372036854775808ns",
                   "2562048h",
                   "1000000000000000000000000000000h",
                   "-9223372036854775809ns"}) {
    INFO(bad);
    CHECK(parse_cel_duration(bad).has_error());
  }
}

TEST_CASE("CEL durations are written as seconds") {
  CHECK(format_cel_duration({5'400'000'000'000}) == "5400s");
  CHECK(format_cel_duration({-1'000'000}) == "-0.001s");
  CHECK(format_cel_duration({1}) == "0.000000001s");
  CHECK(format_cel_duration({0}) == "0s");
  CHECK(format_cel_duration({std::numeric_limits<std::int64_t>::min()}) == "-9223372036.854775808s");
  std::mt19937_64 random{3};
  for (int i = 0; i < 20'000; ++i) {
    duration d{static_cast<std::int64_t>(random()) >> random() % 64};
    if (nanos(format_cel_duration(d)) != d.nanos)
      FAIL(format_cel_duration(d));
  }
}

TEST_CASE("durations of a configuration know days, weeks and ISO 8601") {
  CHECK(config("0") == 0s);
  CHECK(config("5s") == 5s);
  CHECK(config("1m30s") == 90s);
  CHECK(config("250ms") == 250ms);
  CHECK(config("1.5h") == 90min);
  CHECK(config("2d") == 48h);
  CHECK(config("1w1d") == 192h);
  CHECK(config("PT1H30M") == 90min);
  CHECK(config("P1DT12H") == 36h);
  CHECK(config("P2W") == 336h);
  CHECK(config("PT0.25S") == 250ms);
}

TEST_CASE("a wrong duration of a configuration is refused with what is right") {
  auto why = [](std::string_view text) {
    auto d = parse_config_duration(text);
    REQUIRE(d.has_error());
    CHECK(d.error().code() == errc::config_invalid);
    return d.error().text();
  };
  CHECK_THAT(why("5"), Catch::Contains("has no unit") && Catch::Contains("\"5s\""));
  CHECK_THAT(why("1.5"), Catch::Contains("has no unit"));
  CHECK_THAT(why("-5s"), Catch::Contains("negative"));
  CHECK_THAT(why("500ns"), Catch::Contains("finer than a microsecond"));
  CHECK_THAT(why("99999999d"), Catch::Contains("10,000 years"));
  for (auto bad : {"", "five", "5 s", "5sec", "P", "PT", "P1", "P1H", "PT1D", "PT1M1H", "P1DT", "PT1H1H",
                   "1y", "P1Y", "+5s", "5s,", "1,5s"}) {
    INFO(bad);
    CHECK_THAT(why(bad), Catch::Contains("is no duration"));
  }
}

TEST_CASE("a duration is written as a configuration would have it, and read back") {
  CHECK(format_config_duration(0s) == "0s");
  CHECK(format_config_duration(5s) == "5s");
  CHECK(format_config_duration(90s) == "1m30s");
  CHECK(format_config_duration(250ms) == "250ms");
  CHECK(format_config_duration(1500us) == "1.5ms");
  CHECK(format_config_duration(7us) == "7us");
  CHECK(format_config_duration(1500ms) == "1.5s");
  CHECK(format_config_duration(36h) == "1d12h");
  CHECK(format_config_duration(1h + 1us) == "1h1us");
  CHECK(format_config_duration(-5s) == "-5s");
  std::mt19937_64 random{4};
  for (int i = 0; i < 20'000; ++i) {
    microseconds d{static_cast<std::int64_t>(random() % 300'000'000'000'000'000u) >> random() % 58};
    if (config(format_config_duration(d)) != d)
      FAIL(format_config_duration(d));
  }
}

TEST_CASE("random bytes never break a time parser") {
  std::mt19937_64 random{5};
  constexpr std::string_view alphabet = "0123456789-+:.TZPsmhdw/ \xC2\xB5";
  for (int i = 0; i < 50'000; ++i) {
    std::string text;
    for (auto n = random() % 30; n > 0; --n)
      text += alphabet[random() % alphabet.size()];
    (void)parse_rfc3339(text);
    (void)parse_apache_time(text);
    (void)parse_cel_duration(text);
    (void)parse_config_duration(text);
  }
}
