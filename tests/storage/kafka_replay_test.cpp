#include "storage/kafka/kafka_replay.hpp"

#include "kafka_fixture.hpp"
#include "storage/kafka/partition_numbers.hpp"

#include <catch2/catch.hpp>

using namespace tidemill;
using namespace tidemill::test;

namespace {

constexpr partition_id p0{0}, p1{1};

std::unique_ptr<record_source> replay_of(const test_cluster& cluster, const std::filesystem::path& folder,
                                         kafka_start start = {}) {
  kafka_source_settings s;
  s.name = "clicks";
  s.client.brokers = {cluster.brokers()};
  s.start = start;
  s.state_folder = folder;
  auto made = make_kafka_replay(std::move(s));
  REQUIRE(made);
  return std::move(*made);
}

status open(record_source& source) {
  auto done = source.open(std::chrono::milliseconds{1000});
  for (int tries = 0; !done && done.error().code() == errc::unavailable && tries < 20; ++tries)
    done = source.open(std::chrono::milliseconds{1000});
  return done;
}

} // namespace

TEST_CASE("a replay reads the numbered partitions to where their logs ended, and ends", "[kafka_replay]") {
  temporary_folder folder;
  test_cluster cluster;
  auto topic = cluster.create(3);
  auto numbers = partition_numbers::open(folder.path() / "clicks.partitions");
  REQUIRE(numbers);
  REQUIRE(numbers->add({{topic, 2}, {topic, 0}})); // nobody knew of the other one
  cluster.produce(topic, 2, "x", 500);
  cluster.produce(topic, 0, "y", 3);
  cluster.produce(topic, 1, "z", 3);
  auto source = replay_of(cluster, folder.path());
  REQUIRE(open(*source));
  CHECK(source->partitions() == 2);
  CHECK(source->identity(p0) == source->identity() + ' ' + topic + " 2");
  for (auto p : {p0, p1})
    REQUIRE(source->seek(p, source->start(p)));
  cluster.produce(topic, 0, "later", 5);

  std::map<partition_id, std::vector<std::string>> records;
  std::map<partition_id, offset> ends;
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{30};
  while (ends.size() < 2 && std::chrono::steady_clock::now() < until) {
    std::vector<polled> out;
    REQUIRE(source->poll({p0, p1}, 1u << 16, std::chrono::milliseconds{50}, out));
    for (const auto& one : out)
      if (const auto* batch = std::get_if<record_batch_ptr>(&one))
        for (const auto& r : (*batch)->records)
          records[(*batch)->partition].emplace_back(r.bytes);
      else if (const auto* end = std::get_if<polled_end>(&one))
        ends.emplace(end->partition, end->at);
  }
  CHECK(records[p0].size() == 500);
  CHECK(records[p0].back() == "x499");
  REQUIRE(records[p1].size() >= 3);
  CHECK(records[p1].front() == "y0");
  CHECK(ends[p0] == 500);
  CHECK(ends[p1] >= 3);
  CHECK(source->lag(p0) == 0);
}

TEST_CASE("where `start: latest` was is not known", "[kafka_replay]") {
  temporary_folder folder;
  test_cluster cluster;
  auto source = replay_of(cluster, folder.path(), {.kind = kafka_start::from::latest, .time = {}});
  auto opened = open(*source);
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code() == errc::mismatch);
}
