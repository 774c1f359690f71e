#include "kafka_fixture.hpp"
#include "storage/kafka/client_fetcher.hpp"

#include <catch2/catch.hpp>

using namespace tidemill;
using namespace tidemill::test;

namespace {

constexpr partition_id p0{0}, p1{1};

std::unique_ptr<fetcher> fetcher_of(const test_cluster& cluster, fetcher::settings s = {},
                                    std::uint32_t partitions = 2) {
  kafka_client_settings client;
  client.brokers = {cluster.brokers()};
  auto made = make_client_fetcher(client, s, partitions);
  REQUIRE(made);
  return std::move(*made);
}

} // namespace

TEST_CASE("records come in offset order, each once, from where they are sought", "[kafka_fetcher]") {
  test_cluster cluster;
  auto topic = cluster.create(2);
  cluster.produce(topic, 0, "x", 3000);
  cluster.produce(topic, 1, "y", 10);
  auto f = fetcher_of(cluster);
  REQUIRE(f->seek(p0, {topic, 0}, 100));
  REQUIRE(f->seek(p1, {topic, 1}, 0));
  heard h;
  REQUIRE(poll_until(*f, {p0, p1}, h, [&] { return h.records() >= 2910; }));
  REQUIRE(h.values[0].size() == 2900);
  CHECK(h.values[0].front() == "x100");
  CHECK(h.values[0].back() == "x2999");
  CHECK(h.offsets[0].front() == 100);
  CHECK(h.next[0] == 3000);
  CHECK(h.values[1].size() == 10);
  CHECK(f->lag(p0) == 0);
}

TEST_CASE("a partition that nobody wants brings nothing, and goes on later", "[kafka_fetcher]") {
  test_cluster cluster;
  auto topic = cluster.create(2);
  cluster.produce(topic, 0, "x", 10);
  cluster.produce(topic, 1, "y", 10);
  auto f = fetcher_of(cluster);
  REQUIRE(f->seek(p0, {topic, 0}, 0));
  REQUIRE(f->seek(p1, {topic, 1}, 0));
  heard h;
  REQUIRE(poll_until(*f, {p1}, h, [&] { return h.values[1].size() == 10; }));
  CHECK(h.values[0].empty());
  REQUIRE(poll_until(*f, {p0}, h, [&] { return h.values[0].size() == 10; }));
}

TEST_CASE("a second seek drops what was read ahead", "[kafka_fetcher]") {
  test_cluster cluster;
  auto topic = cluster.create(1);
  cluster.produce(topic, 0, "x", 2000);
  auto f = fetcher_of(cluster);
  REQUIRE(f->seek(p0, {topic, 0}, 0));
  heard before, after;
  REQUIRE(poll_until(
      *f, {p0}, before, [&] { return before.records() >= 10; }, std::chrono::seconds{30}, 2000));
  REQUIRE(f->seek(p0, {topic, 0}, 5));
  REQUIRE(poll_until(*f, {p0}, after, [&] { return after.records() >= 1995; }));
  CHECK(after.values[0].front() == "x5");
  CHECK(after.values[0].size() == 1995);
  f->forget(p0);
  heard nothing;
  CHECK_FALSE(poll_until(
      *f, {p0}, nothing, [&] { return nothing.records() > 0; }, std::chrono::seconds{1}));
}

TEST_CASE("key, headers and time of a record are handed on, a null value is a tombstone, an empty one isn't",
          "[kafka_fetcher]") {
  test_cluster cluster;
  auto topic = cluster.create(1, {{"retention.ms", "-1"}});
  cluster.produce(
      topic, 0,
      {{.value = "v", .key = "k", .headers = {{"h", "1"}, {"h", "2"}}, .time_ms = 1'767'225'600'123},
       {.value = "", .key = ""},
       {.value = "", .key = "gone", .tombstone = true}});
  for (auto meta : {true, false}) {
    auto f = fetcher_of(cluster, {.read_ahead = 1 << 20, .meta = meta});
    REQUIRE(f->seek(p0, {topic, 0}, 0));
    heard h;
    std::vector<record> all;
    REQUIRE(poll_until(*f, {p0}, h, [&] { return h.records() == 3; }));
    for (const auto& b : h.batches)
      all.insert(all.end(), b->records.begin(), b->records.end());
    CHECK(all[0].bytes == "v");
    CHECK(all[0].arrival == event_time{std::chrono::milliseconds{1'767'225'600'123}});
    CHECK(all[1].bytes.empty());
    REQUIRE(all[2].meta != nullptr);
    CHECK(all[2].meta->tombstone);
    CHECK(all[2].meta->key == "gone");
    CHECK((all[0].meta != nullptr) == meta);
    if (!meta)
      continue;
    CHECK(all[0].meta->key == "k");
    REQUIRE(all[0].meta->headers.size() == 2);
    CHECK(all[0].meta->headers[1].name == "h");
    CHECK(all[0].meta->headers[1].value == "2");
    CHECK(all[1].meta->key == "");
    CHECK_FALSE(all[1].meta->tombstone);
  }
}

TEST_CASE("a large record comes as a whole", "[kafka_fetcher]") {
  test_cluster cluster;
  auto topic = cluster.create(1);
  std::string large(3'000'000, 'z');
  cluster.produce(topic, 0, {{.value = "first"}, {.value = large}, {.value = "last"}});
  auto f = fetcher_of(cluster, {.read_ahead = 1 << 20});
  REQUIRE(f->seek(p0, {topic, 0}, 0));
  heard h;
  REQUIRE(poll_until(*f, {p0}, h, [&] { return h.records() == 3; }));
  CHECK(h.values[0][1].size() == large.size());
}

TEST_CASE("what is outside of the log is a gap before it, and halts behind it", "[kafka_fetcher]") {
  test_cluster cluster;
  auto topic = cluster.create(1);
  cluster.produce(topic, 0, "x", 10);
  auto f = fetcher_of(cluster);
  REQUIRE(f->seek(p0, {topic, 0}, 11));
  heard h;
  REQUIRE(poll_until(*f, {p0}, h, [&] { return !h.halted.empty(); }));
  CHECK_THAT(h.halted[0].why, Catch::Contains("its log ends at offset 10, before the wanted 11"));
  REQUIRE(f->seek(p0, {topic, 0}, 9)); // a seek wakes it up
  REQUIRE(poll_until(*f, {p0}, h, [&] { return h.records() == 1; }));
}

TEST_CASE("no more is held than the memory allows, and nothing waits for a second once there is room again",
          "[kafka_fetcher]") {
  test_cluster cluster;
  auto topic = cluster.create(1);
  std::string value(900, 'v');
  cluster.produce(topic, 0, value, 4000);
  auto f = fetcher_of(cluster, {.read_ahead = 1 << 18}, 1); // 14 times what fits
  REQUIRE(f->seek(p0, {topic, 0}, 0));
  heard h;
  auto start = std::chrono::steady_clock::now();
  REQUIRE(poll_until(
      *f, {p0}, h, [&] { return h.records() == 4000; }, std::chrono::seconds{60}, 16 << 10));
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds{5});
}

TEST_CASE("wake ends a poll", "[kafka_fetcher]") {
  test_cluster cluster;
  auto topic = cluster.create(1);
  auto f = fetcher_of(cluster);
  std::vector<polled> out;
  f->wake();
  auto start = std::chrono::steady_clock::now();
  REQUIRE(f->poll({}, 1000, std::chrono::seconds{20}, out));
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds{10});
}
