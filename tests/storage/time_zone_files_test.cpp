#include "storage/time_zone_files.hpp"

#include "event/time.hpp"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <random>

using namespace tidemill;

namespace {

const std::filesystem::path folder = "/usr/share/zoneinfo";

bool has_zones() {
  if (std::filesystem::exists(folder / "Europe/Berlin"))
    return true;
  WARN("no time zone data in " << folder.string() << ": install tzdata");
  return false;
}

/// Names in the folder, without copies and those that count leap seconds.
std::vector<std::string> names() {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::recursive_directory_iterator{folder}) {
    auto name = std::filesystem::relative(entry.path().parent_path(), folder) / entry.path().filename();
    auto text = name.lexically_normal().string();
    if (entry.is_regular_file() && !text.starts_with("right/") && !text.starts_with("posix/") &&
        text.find('.') == std::string::npos)
      out.push_back(text);
  }
  std::sort(out.begin(), out.end());
  return out;
}

} // namespace

TEST_CASE("every zone of the system agrees with the C library, at its changes and at random times") {
  if (!has_zones())
    return;
  time_zone_files files{folder};
  std::mt19937_64 random{7};
  const char* was = std::getenv("TZ");
  const std::string before = was ? was : "";
  int zones = 0;
  for (const auto& name : names()) {
    auto z = files.find(name);
    if (!z)
      continue;
    ++zones;
    ::setenv("TZ", (":" + name).c_str(), 1);
    ::tzset();
    std::vector<std::int64_t> times;
    for (auto t = from_civil(1950, 1, 1); t < from_civil(2110, 1, 1); t = (*z)->span_at(t).until) {
      times.push_back(t);
      times.push_back((*z)->span_at(t).until - 1);
    }
    for (int i = 0; i < 100; ++i)
      times.push_back(static_cast<std::int64_t>(random() % 20'000'000'000) - 600'000'000);
    for (auto t : times) {
      std::tm local{};
      auto time = static_cast<std::time_t>(t);
      ::localtime_r(&time, &local);
      if ((*z)->offset_at(t) != local.tm_gmtoff)
        FAIL(name << " at " << t << ": " << (*z)->offset_at(t) << ", not " << local.tm_gmtoff);
    }
  }
  if (was)
    ::setenv("TZ", before.c_str(), 1);
  else
    ::unsetenv("TZ");
  ::tzset();
  CHECK(zones > 300);
}

TEST_CASE("no day of any zone begins before the one before it, nor lasts more than two") {
  if (!has_zones())
    return;
  time_zone_files files{folder};
  for (const auto& name : names()) {
    auto z = files.find(name);
    if (!z)
      continue;
    auto last = (*z)->first_instant(from_civil(1850, 1, 1));
    for (auto day = from_civil(1850, 1, 2); day < from_civil(2060, 1, 1); day += 86'400) {
      auto begin = (*z)->first_instant(day);
      if (begin < last || begin > last + 2 * 86'400 || (*z)->to_local(begin) < day ||
          (*z)->to_local(begin - 1) >= day)
        FAIL(name << ": the day of " << format_rfc3339(timestamp{day, 0}));
      last = begin;
    }
  }
}

TEST_CASE("names that lead out of the folder, to the machine's own zone or to nothing are refused") {
  if (!has_zones())
    return;
  time_zone_files files{folder};
  for (auto name : {"", "/etc/passwd", "../../../etc/passwd", "Europe/../Europe/Berlin", "Europe", "Europe/",
                    "Europe//Berlin", "localtime", "posixrules", "tzdata.zi", "Europe/Berlim",
                    "europe/berlin ", "right/UTC"}) {
    INFO(name);
    CHECK_FALSE(files.find(name).has_value());
  }
  CHECK_FALSE(files.find(std::string(5000, 'a')).has_value());
  CHECK(files.find("Mars/Olympus").error().text() == "unknown time zone \"Mars/Olympus\": write UTC, an "
                                                     "offset like +02:00 or a name of the IANA database like "
                                                     "Europe/Berlin");
  CHECK(time_zone_files{"/nonexistent"}.find("Europe/Berlin").error().text() ==
        "unknown time zone \"Europe/Berlin\": there is no folder /nonexistent; install the package tzdata");
  auto once = files.find("Europe/Berlin").value();
  CHECK(files.find("Europe/Berlin").value() == once);
}
