#include "pipeline/idleness.hpp"

#include <catch2/catch.hpp>

#include <vector>

using namespace tidemill;
using std::chrono::seconds;

namespace {

event_time at(int s) {
  return event_time{seconds{s}};
}

using partitions = std::vector<quiet_partition>;

} // namespace

TEST_CASE("idle partitions follow the slowest active one") {
  partitions all{{at(10), seconds{40}, true}, {at(30), seconds{1}, false}, {at(20), seconds{2}, false}};
  auto t = idle_watermark(all, seconds{5});
  CHECK(t.to == at(20));
  CHECK_FALSE(t.by_clock);
}

TEST_CASE("if all are idle event time goes on with the clock, from the last record or where it stood") {
  partitions all{{at(10), seconds{40}, true}, {at(30), seconds{31}, true}};
  CHECK(idle_watermark(all, microseconds::max()).to == at(61));
  CHECK(idle_watermark(all, seconds{5}).to == at(35));
  CHECK(idle_watermark(all, seconds{5}).by_clock);
}

TEST_CASE("without an event there is no time to go on with") {
  CHECK(idle_watermark({}, seconds{5}).to == time_min);
  partitions all{{time_min, seconds{40}, true}, {time_min, seconds{40}, true}};
  auto t = idle_watermark(all, seconds{5});
  CHECK(t.to == time_min);
  CHECK_FALSE(t.by_clock);
  all.push_back({time_min, seconds{1}, false});
  CHECK(idle_watermark(all, seconds{5}).to == time_min);
}
