#include "storage/log/exchange_log.hpp"

#include "tests/storage/disk_fixture.hpp"

#include <catch2/catch.hpp>

using namespace tidemill;
using namespace tidemill::test;

namespace {

constexpr partition_id p0{0}, p1{1};
constexpr std::chrono::milliseconds none{0};

event_time at(std::int64_t s) {
  return event_time{std::chrono::seconds{s}};
}

/// Fed by the two partitions of `orders`, which are 3 and 4 at the sink, and the one of `payments`, 5.
exchange_log::settings two_sources(std::uint32_t partitions = 2) {
  exchange_log::settings s;
  s.name = "joined";
  s.partitions = partitions;
  s.sources = {{"orders", 3, 2}, {"payments", 5, 1}};
  s.inputs = {0, 1};
  return s;
}

std::shared_ptr<exchange_log> open_log(const std::filesystem::path& folder,
                                       exchange_log::settings s = two_sources()) {
  auto opened = exchange_log::open(folder, std::move(s), "r4nd0m");
  if (!opened)
    FAIL(opened.error().text());
  return std::move(*opened);
}

outgoing_batch batch_of(std::uint32_t partition, offset upto, event_time watermark,
                        std::vector<outgoing_event> events = {}) {
  return {static_cast<partition_id>(partition), upto, std::move(events), 0, watermark};
}

outgoing_event event_of(std::uint32_t input, offset at, const std::string& key) {
  return {{partition_id{9}, at, 0}, "body of " + key, "joined.in0", key, input};
}

struct content {
  std::vector<std::string> events; ///< input/partition@offset body
  exchange_frontier last;
  bool ends = false;
};

content read(const std::shared_ptr<exchange_log>& log, partition_id p) {
  exchange_source source{log};
  REQUIRE(source.seek(p, source.start(p)));
  std::vector<polled> got;
  content out;
  for (auto more = true; more;) {
    got.clear();
    REQUIRE(source.poll({p}, 1000, none, got));
    more = false;
    for (const auto& one : got) {
      if (std::holds_alternative<polled_end>(one)) {
        out.ends = true;
        continue;
      }
      more = true;
      for (const auto& r : std::get<record_batch_ptr>(one)->records) {
        exchange_event e;
        if (read_record(r.bytes, e, out.last) == exchange_kind::event)
          out.events.push_back(std::to_string(e.input) + '/' + std::to_string(to_index(e.origin.partition)) +
                               '@' + std::to_string(e.origin.at) + ' ' + std::string{e.body});
      }
    }
  }
  return out;
}

} // namespace

TEST_CASE("events of equal keys meet in one partition, with their origin, and frontiers are in all") {
  const temporary_folder folder;
  auto log = open_log(folder.path());
  exchange_sink sink{log};
  REQUIRE(sink.resume());
  REQUIRE(sink.write(batch_of(4, 12, at(5), {event_of(0, 10, "a"), event_of(0, 11, "a")})));
  REQUIRE(sink.write(batch_of(5, 3, at(6), {event_of(1, 2, "a")})));
  CHECK(read(log, p0).events.empty()); // nothing is seen before it is durable
  REQUIRE(sink.sync());
  auto first = read(log, p0), second = read(log, p1);
  auto& with = first.events.empty() ? second : first;
  CHECK(with.events == std::vector<std::string>{"0/1@10 body of a", "0/1@11 body of a", "1/0@2 body of a"});
  const exchange_frontier want{{{{0, time_min}, {12, at(5)}}, {{3, at(6)}}}};
  CHECK(first.last == want);
  CHECK(second.last == want);
  CHECK(first.events.size() + second.events.size() == 3);
}

TEST_CASE("an exchange that is opened again tells its writers where to go on") {
  const temporary_folder folder;
  {
    exchange_sink sink{open_log(folder.path())};
    REQUIRE(sink.resume());
    REQUIRE(sink.write(batch_of(4, 12, at(5), {event_of(0, 10, "a")})));
    REQUIRE(sink.sync());
    REQUIRE(sink.write(batch_of(4, 20, at(6), {event_of(0, 15, "b")}))); // never synced
  }
  exchange_sink sink{open_log(folder.path())};
  auto held = sink.resume();
  REQUIRE(held);
  CHECK(held->at(partition_id{4}) == 12);
  CHECK(held->at(partition_id{3}) == 0);
  CHECK(sink.reached().at(partition_id{4}) == 12);
}

TEST_CASE("what a crash has left in one partition alone is written again, and told") {
  const temporary_folder folder;
  {
    auto log = open_log(folder.path());
    exchange_sink sink{log};
    REQUIRE(sink.resume());
    REQUIRE(sink.write(batch_of(4, 12, at(5), {event_of(0, 10, "a")})));
    REQUIRE(sink.sync());
    // The group of this sync reaches partition 0 only, and without its frontier.
    std::string record;
    append_record(record, exchange_event{0, {partition_id{1}, 30, 0}, "torn"});
    REQUIRE(log->records()->append(event_time{}, {{p0, record}}));
  }
  exchange_sink sink{open_log(folder.path())};
  auto held = sink.resume();
  REQUIRE(held);
  CHECK(held->at(partition_id{4}) == 12);
  CHECK(sink.reached().at(partition_id{4}) == 31);
}

TEST_CASE("a partition that a source has got meanwhile is known, and holds time back") {
  const temporary_folder folder;
  {
    exchange_sink sink{open_log(folder.path())};
    REQUIRE(sink.resume());
    REQUIRE(sink.write(batch_of(4, 12, at(5))));
    REQUIRE(sink.sync());
  }
  auto more = two_sources();
  more.sources = {{"orders", 0, 3}, {"payments", 3, 1}};
  auto log = open_log(folder.path(), more);
  exchange_sink sink{log};
  auto held = sink.resume();
  REQUIRE(held);
  CHECK(held->at(partition_id{1}) == 12);
  CHECK(held->at(partition_id{2}) == 0);
  CHECK(log->held().watermark() == time_min);
}

TEST_CASE("an exchange ends when all its sources have, and stays at its end") {
  const temporary_folder folder;
  {
    auto log = open_log(folder.path());
    exchange_sink sink{log};
    REQUIRE(sink.resume());
    REQUIRE(sink.write(batch_of(3, 1, time_max)));
    REQUIRE(sink.write(batch_of(4, 1, time_max)));
    REQUIRE(sink.sync());
    CHECK_FALSE(read(log, p0).ends);
    REQUIRE(sink.write(batch_of(5, 1, time_max)));
    REQUIRE(sink.sync());
    CHECK(read(log, p0).ends);
  }
  CHECK(read(open_log(folder.path()), p1).ends);
}

TEST_CASE("an exchange in place of another one goes on behind its offsets") {
  const temporary_folder folder;
  auto s = two_sources();
  s.first = 1000;
  {
    auto log = open_log(folder.path(), s);
    exchange_sink sink{log};
    REQUIRE(sink.resume());
    CHECK(exchange_source{log}.start(p0) == 1000);
    REQUIRE(sink.write(batch_of(4, 12, at(5))));
    REQUIRE(sink.sync());
  }
  s.first = 5000; // it is there already
  auto log = open_log(folder.path(), s);
  CHECK(log->records()->begin(p0) == 1000);
  CHECK(log->records()->end(p0) == 1001);
}

TEST_CASE("nothing is written where there is nothing new") {
  const temporary_folder folder;
  auto log = open_log(folder.path());
  exchange_sink sink{log};
  REQUIRE(sink.resume());
  REQUIRE(sink.write(batch_of(4, 12, at(5))));
  REQUIRE(sink.sync());
  const auto end = log->records()->end(p0);
  REQUIRE(sink.write(batch_of(4, 12, at(5))));
  REQUIRE(sink.sync());
  CHECK(log->records()->end(p0) == end);
  REQUIRE(sink.write(batch_of(4, 12, at(6)))); // time has gone on alone
  REQUIRE(sink.sync());
  CHECK(log->records()->end(p0) == end + 1);
}

TEST_CASE("writers wait while the reader of an exchange is behind") {
  const temporary_folder folder;
  auto s = two_sources();
  s.max_unread = 1000;
  auto log = open_log(folder.path(), s);
  exchange_sink sink{log};
  REQUIRE(sink.resume());
  auto behind = event_of(0, 10, "a");
  behind.json = std::string(2000, 'x');
  REQUIRE(sink.write(batch_of(4, 12, at(5), {behind})));
  REQUIRE(sink.sync());
  REQUIRE(sink.write(batch_of(4, 13, at(5), {event_of(0, 12, "a")})));
  auto full = sink.sync();
  REQUIRE_FALSE(full);
  CHECK(full.error().code() == errc::full);
  (void)read(log, p0);
  (void)read(log, p1);
  CHECK(sink.sync());
}
