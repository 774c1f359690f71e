#include "event/exchange_record.hpp"

#include <catch2/catch.hpp>

#include <random>

using namespace tidemill;

namespace {

event_time at(std::int64_t s) {
  return event_time{std::chrono::seconds{s}};
}

exchange_frontier some_frontier() {
  return {{{{7, at(3)}, {0, time_min}}, {{1u << 20, time_max}}}};
}

} // namespace

TEST_CASE("records of an exchange read back as they were written") {
  std::string bytes;
  append_record(bytes, exchange_event{3, {partition_id{5}, 1ull << 40, 2}, "body"});
  exchange_event event;
  exchange_frontier frontier;
  REQUIRE(read_record(bytes, event, frontier) == exchange_kind::event);
  CHECK(event.input == 3);
  CHECK(event.origin == event_id{partition_id{5}, 1ull << 40, 2});
  CHECK(event.body == "body");

  bytes.clear();
  append_record(bytes, some_frontier());
  REQUIRE(read_record(bytes, event, frontier) == exchange_kind::frontier);
  CHECK(frontier == some_frontier());
}

TEST_CASE("the watermark of a frontier is the least of all partitions of all sources") {
  CHECK(exchange_frontier{{{{0, at(5)}, {0, at(4)}}, {{0, at(9)}}}}.watermark() == at(4));
  CHECK(exchange_frontier{{{{0, time_max}}, {{0, at(9)}}}}.watermark() == at(9));
  CHECK(some_frontier().watermark() == time_min);
}

TEST_CASE("a record of an exchange that is damaged is told from one that is whole, and changes nothing") {
  std::string whole;
  append_record(whole, some_frontier());
  for (std::size_t n = 0; n < whole.size(); ++n) {
    exchange_event event;
    auto frontier = some_frontier();
    CHECK(read_record(std::string_view{whole}.substr(0, n), event, frontier) == exchange_kind::damaged);
    CHECK(frontier == some_frontier());
  }
  exchange_event event;
  exchange_frontier frontier;
  CHECK(read_record(whole + "x", event, frontier) == exchange_kind::damaged);
  std::mt19937 random{7};
  for (int i = 0; i < 10'000; ++i) {
    std::string bytes(random() % 24, '\0');
    for (auto& c : bytes)
      c = static_cast<char>(random());
    (void)read_record(bytes, event, frontier); // neither crashes nor reads outside
  }
}
