#include "event/time.hpp"
#include "event/time_zone.hpp"

#include <catch2/catch.hpp>

#include <random>

using namespace tidemill;

namespace {

time_zone zone(std::string_view rule) {
  auto z = time_zone::from_rule(rule);
  if (!z)
    FAIL(z.error().text());
  return *z;
}

std::int64_t at(std::string_view text) {
  auto t = parse_rfc3339(text);
  if (!t)
    FAIL(t.error().text());
  return t->seconds;
}

std::string instant(const time_zone& z, std::string_view local) {
  return format_rfc3339(timestamp{z.first_instant(at(local)), 0});
}

void put(std::string& out, std::uint64_t x, int width) {
  for (int i = width - 1; i >= 0; --i)
    out.push_back(static_cast<char>(x >> (8 * i)));
}

struct change {
  std::int64_t at;
  std::uint8_t type;
};

std::string block(const std::vector<change>& changes, const std::vector<std::int32_t>& offsets, int width,
                  char version) {
  std::string out = "TZif";
  out.push_back(version);
  out.append(15, '\0');
  for (auto n :
       {std::size_t{0}, std::size_t{0}, std::size_t{0}, changes.size(), offsets.size(), std::size_t{4}})
    put(out, n, 4);
  for (auto c : changes)
    put(out, static_cast<std::uint64_t>(c.at), width);
  for (auto c : changes)
    out.push_back(static_cast<char>(c.type));
  for (auto o : offsets) {
    put(out, static_cast<std::uint32_t>(o), 4);
    put(out, 0, 2);
  }
  return out + std::string{"XXX\0", 4};
}

/// A file of version 2, whose old block has one offset only.
std::string tzif(const std::vector<change>& changes, const std::vector<std::int32_t>& offsets,
                 const std::string& rule) {
  return block({}, {0}, 4, '2') + block(changes, offsets, 8, '2') + "\n" + rule + "\n";
}

time_zone from(const std::string& bytes) {
  auto z = time_zone::from_tzif("Test/Zone", bytes);
  if (!z)
    FAIL(z.error().text());
  return *z;
}

std::string fault(const std::string& bytes) {
  auto z = time_zone::from_tzif("Test/Zone", bytes);
  return z ? "none" : z.error().text();
}

/// What must hold around any time, whatever a zone was made from.
void check_sound(const time_zone& z, std::int64_t t) {
  auto span = z.span_at(t);
  REQUIRE(span.from <= t);
  REQUIRE(t < span.until);
  REQUIRE(z.offset_at(span.from) == span.offset);
  REQUIRE(z.offset_at(span.until - 1) == span.offset);
  auto first = z.first_instant(t);
  REQUIRE(z.to_local(first) >= t);
  // Not at an earlier instant: neither just before it nor before any change of the days before.
  for (auto before = first - 1; before > t - 60 * 3600; before = z.span_at(before).from - 1)
    REQUIRE(z.to_local(before) < t);
}

} // namespace

TEST_CASE("a zone's rule says when its clocks change") {
  auto berlin = zone("CET-1CEST,M3.5.0,M10.5.0/3");
  CHECK(berlin.offset_at(at("2024-03-31T00:59:59Z")) == 3600);
  CHECK(berlin.offset_at(at("2024-03-31T01:00:00Z")) == 7200);
  CHECK(berlin.offset_at(at("2024-10-27T00:59:59Z")) == 7200);
  CHECK(berlin.offset_at(at("2024-10-27T01:00:00Z")) == 3600);
  auto summer = berlin.span_at(at("2024-07-01T00:00:00Z"));
  CHECK(summer.from == at("2024-03-31T01:00:00Z"));
  CHECK(summer.until == at("2024-10-27T01:00:00Z"));

  CHECK(zone("<-03>3").offset_at(0) == -3 * 3600);
  CHECK(zone("<+0545>-5:45").offset_at(0) == 5 * 3600 + 45 * 60);
  CHECK(zone("IST-1GMT0,M10.5.0,M3.5.0/1").offset_at(at("2024-01-01T00:00:00Z")) == 0); // winter is "summer"
  CHECK(zone("AEST-10AEDT,M10.1.0,M4.1.0/3").offset_at(at("2024-01-01T00:00:00Z")) == 11 * 3600);
  // Summer since New Year 00:00, until 25:00 of its last day: for ever.
  auto eternal = zone("EST5EDT,0/0,J365/25");
  for (auto t :
       {"2023-12-31T23:59:59Z", "2024-01-01T04:59:59Z", "2024-01-01T05:00:00Z", "2024-07-01T00:00:00Z"})
    CHECK(eternal.offset_at(at(t)) == -4 * 3600);
  // J60 is 1 March in every year, 60 is 29 February in some.
  auto julian = zone("AAA0BBB,J60/0,J300/0");
  CHECK(julian.span_at(at("2024-05-01T00:00:00Z")).from == at("2024-03-01T00:00:00Z"));
  CHECK(julian.span_at(at("2023-05-01T00:00:00Z")).from == at("2023-03-01T00:00:00Z"));
  auto counted = zone("AAA0BBB,59/0,300/0");
  CHECK(counted.span_at(at("2024-05-01T00:00:00Z")).from == at("2024-02-29T00:00:00Z"));
  CHECK(counted.span_at(at("2023-05-01T00:00:00Z")).from == at("2023-03-01T00:00:00Z"));
  // Hours beyond a day: Saturday 22:00 before the last Sunday, as Nuuk has it.
  auto nuuk = zone("<-02>2<-01>,M3.5.0/-1,M10.5.0/0");
  CHECK(nuuk.span_at(at("2024-07-01T00:00:00Z")).from == at("2024-03-31T01:00:00Z"));
}

TEST_CASE("a rule that is none is refused") {
  for (auto text :
       {"", "CET", "C1", "1", "CET-1CEST,M3.5.0", "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M3.6.0,M10.5.0",
        "CET-1CEST,M3.5.7,M10.5.0", "CET-1CEST,J0,J365", "CET-1CEST,0,366", "CET-25", "CET-1CEST,0/168,1",
        "CET-1CEST,M3.5.0,M10.5.0/3x", "<CET-1", "CET-1:60", "CET--1", "CET-1CEST,,", "CET-1 CEST"}) {
    INFO(text);
    CHECK_FALSE(time_zone::from_rule(text).has_value());
  }
}

TEST_CASE("a local time that comes twice is its first occurrence, one left out the instant of the change") {
  auto berlin = zone("CET-1CEST,M3.5.0,M10.5.0/3");
  CHECK(instant(berlin, "2024-01-01T00:00:00Z") == "2023-12-31T23:00:00Z");
  CHECK(instant(berlin, "2024-03-31T01:59:59Z") == "2024-03-31T00:59:59Z");
  CHECK(instant(berlin, "2024-03-31T02:00:00Z") == "2024-03-31T01:00:00Z");
  CHECK(instant(berlin, "2024-03-31T02:30:00Z") == "2024-03-31T01:00:00Z");
  CHECK(instant(berlin, "2024-03-31T03:00:00Z") == "2024-03-31T01:00:00Z");
  CHECK(instant(berlin, "2024-03-31T03:00:01Z") == "2024-03-31T01:00:01Z");
  CHECK(instant(berlin, "2024-10-27T02:00:00Z") == "2024-10-27T00:00:00Z");
  CHECK(instant(berlin, "2024-10-27T02:30:00Z") == "2024-10-27T00:30:00Z");
  CHECK(instant(berlin, "2024-10-27T03:00:00Z") == "2024-10-27T02:00:00Z");
  // Clocks that jump at midnight: the day begins at 01:00, or at the first of two midnights.
  auto beirut = zone("EET-2EEST,M3.5.0/0,M10.5.0/0");
  CHECK(instant(beirut, "2024-03-31T00:00:00Z") == "2024-03-30T22:00:00Z");
  CHECK(instant(beirut, "2024-10-27T00:00:00Z") == "2024-10-26T22:00:00Z");
  auto havana = zone("CST5CDT,M3.2.0/0,M11.1.0/1");
  CHECK(instant(havana, "2024-11-03T00:00:00Z") == "2024-11-03T04:00:00Z");
}

TEST_CASE("a file's changes hold until its rule takes over") {
  auto z = from(tzif({{-1000, 1}, {1000, 2}}, {100, 200, 300}, "AAA1"));
  CHECK(z.offset_at(-1001) == 100);
  CHECK(z.offset_at(-1000) == 200);
  CHECK(z.offset_at(999) == 200);
  CHECK(z.offset_at(1000) == -3600);
  auto last = z.span_at(5000);
  CHECK(last.from == 1000);
  CHECK(last.until == time_zone_rule::limit);
  CHECK(from(tzif({{-1000, 1}, {1000, 2}}, {100, 200, 300}, "")).offset_at(1000) == 300);
  // A whole day is left out, as in Samoa at the end of 2011.
  auto samoa = from(tzif({{at("2011-12-30T10:00:00Z"), 1}}, {-10 * 3600, 14 * 3600}, ""));
  CHECK(instant(samoa, "2011-12-30T12:00:00Z") == "2011-12-30T10:00:00Z");
  CHECK(instant(samoa, "2011-12-31T00:00:00Z") == "2011-12-30T10:00:00Z");
  // Changes before the Big Bang, which some compilers of zones write.
  CHECK(from(tzif({{-(std::int64_t{1} << 59), 1}}, {100, 200}, "")).offset_at(0) == 200);
  // The first version of the format has 32 bits and no rule.
  CHECK(from(block({{-7, 1}}, {100, 200}, 4, '\0')).offset_at(-7) == 200);
}

TEST_CASE("bytes that are no zone are refused with the reason") {
  const std::string prefix = "the data of time zone Test/Zone can't be used: ";
  CHECK(fault("") == prefix + "it is no TZif file");
  CHECK(fault("# tzdata.zi") == prefix + "it is no TZif file");
  CHECK(fault(std::string(2'000'000, 'x')) == prefix + "it is larger than 1 MiB");
  CHECK(fault(tzif({{5, 1}, {5, 0}}, {0, 60}, "")) == prefix + "its changes are not in order");
  CHECK(fault(tzif({{5, 2}}, {0, 60}, "")) == prefix + "a change leads to a type that isn't there");
  CHECK(fault(tzif({}, {26 * 3600}, "")) == prefix + "an offset is out of range");
  CHECK(fault(tzif({}, {0}, "CET")).find("is no rule of a time zone") != std::string::npos);
  auto leaps = tzif({}, {0}, "");
  leaps[leaps.rfind("TZif") + 20 + 11] = 1;
  CHECK(fault(leaps) == prefix + "it counts leap seconds");
  const auto whole = tzif({{-1000, 1}, {1000, 0}}, {100, 200}, "AAA1BBB");
  for (std::size_t n = 0; n < whole.size(); ++n)
    CHECK_FALSE(time_zone::from_tzif("Test/Zone", whole.substr(0, n)).has_value());
}

TEST_CASE("a zone from damaged bytes is refused or sound") {
  std::mt19937_64 random{1};
  const auto whole =
      tzif({{-90'000, 1}, {0, 2}, {50'000, 1}}, {-3600, 7200, 50'400}, "AAA1BBB,M3.2.0/0,M11.1.0/-167");
  int accepted = 0;
  for (int round = 0; round < 20'000; ++round) {
    auto bytes = whole;
    for (auto n = 1 + random() % 3; n > 0; --n)
      bytes[44 + random() % (bytes.size() - 44)] = static_cast<char>(random());
    auto z = time_zone::from_tzif("Test/Zone", bytes);
    if (!z)
      continue;
    ++accepted;
    for (auto t : {std::int64_t{0}, static_cast<std::int64_t>(random() % 8'000'000'000),
                   -static_cast<std::int64_t>(random() % 8'000'000'000)})
      check_sound(*z, t);
  }
  CHECK(accepted > 1000);
}

TEST_CASE("times beyond those that a zone knows get the offset of its end") {
  auto berlin = zone("CET-1CEST,M3.5.0,M10.5.0/3");
  constexpr auto least = std::numeric_limits<std::int64_t>::min(),
                 most = std::numeric_limits<std::int64_t>::max();
  CHECK(berlin.offset_at(least) == berlin.offset_at(-time_zone_rule::limit));
  CHECK(berlin.offset_at(most) == berlin.offset_at(time_zone_rule::limit - 1));
  CHECK(berlin.first_instant(least) < berlin.first_instant(0));
  CHECK(berlin.first_instant(most) > berlin.first_instant(0));
}

TEST_CASE("UTC and offsets need no data of zones") {
  for (auto name : {"UTC", "Z", "GMT", "Etc/UTC", "+00:00"})
    CHECK(find_time_zone(name).value()->offset_at(0) == 0);
  CHECK(find_time_zone("+11:00").value()->offset_at(0) == 11 * 3600);
  CHECK(find_time_zone("-02:30").value()->offset_at(0) == -9000);
  CHECK(find_time_zone("02:00").value()->offset_at(0) == 7200);
  for (auto name : {"", "+2:00", "+24:00", "+02:60", "02:00:00", "++2:00", "Local"})
    CHECK_FALSE(find_time_zone(name).has_value());
  CHECK(find_time_zone("Europe/Berlin").error().text() ==
        "unknown time zone \"Europe/Berlin\": there is no time zone data here; write UTC or an offset like "
        "+02:00");
}
