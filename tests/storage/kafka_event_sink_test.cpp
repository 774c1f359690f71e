#include "storage/kafka/kafka_event_sink.hpp"
#include "storage/kafka/sink_progress.hpp"
#include "tests/storage/kafka_sink_world.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <set>
#include <thread>

using namespace tidemill;
using namespace tidemill::test;
using namespace std::chrono_literals;
using Catch::Contains;

namespace {

partition_id p(std::uint32_t n) {
  return partition_id{n};
}

/// Events at each second offset of [from, upto).
outgoing_batch batch_of(std::uint32_t partition, offset from, offset upto, bool keys = false) {
  outgoing_batch b{p(partition), upto, {}, 0};
  for (auto at = from; at < upto; ++at) {
    if (at % 2 == 1)
      continue;
    auto json = R"({"p":)" + std::to_string(partition) + R"(,"at":)" + std::to_string(at) + "}";
    b.bytes += json.size();
    b.events.push_back({{p(partition), at, 0}, json, {}, {}});
    if (keys)
      b.events.back().key = std::to_string(at % 10);
  }
  return b;
}

status insist(const std::function<status()>& call) {
  for (auto end = std::chrono::steady_clock::now() + 60s;;) {
    auto done = call();
    if (done || done.error().code() != errc::unavailable || std::chrono::steady_clock::now() > end)
      return done;
    std::this_thread::sleep_for(50ms);
  }
}

void must(const status& s) {
  INFO((s ? std::string{} : s.error().text()));
  REQUIRE(s.has_value());
}

sink_progress resumed(event_sink& sink) {
  auto held = sink.resume();
  INFO((held ? std::string{} : held.error().text()));
  REQUIRE(held.has_value());
  return *held;
}

std::map<std::string, int> ids(const std::string& topic) {
  std::map<std::string, int> out;
  for (const auto& r : kafka_world::read(topic))
    ++out[r.headers.at("tidemill-id")];
  return out;
}

} // namespace

TEST_CASE("events are in the topic with key, id and headers once they are synced, and resume says how far") {
  if (!kafka_world::available())
    return;
  auto topic = kafka_world::make_topic("events", 3);
  auto s = kafka_world::settings(topic);
  s.headers = {{"static", "x"}};
  for (auto delivery :
       {kafka_sink_settings::guarantee::exactly_once, kafka_sink_settings::guarantee::at_least_once}) {
    s.delivery = delivery;
    auto exact = delivery == kafka_sink_settings::guarantee::exactly_once;
    s.name = exact ? "exact" : "least";
    auto before = kafka_world::read(topic).size();
    auto sink = make_kafka_event_sink(s);
    CHECK(resumed(*sink).empty());
    must(sink->write(batch_of(0, 0, 100, true)));
    must(sink->write(batch_of(2, 0, 50)));
    must(sink->sync());
    must(sink->sync());
    auto all = kafka_world::read(topic);
    REQUIRE(all.size() == before + 75);
    for (std::size_t i = before; i < all.size(); ++i)
      CHECK(all[i].headers.at("static") == "x");
    must(sink->write({p(2), 70, {}, 0})); // no events, but progress
    must(sink->sync());
    sink = make_kafka_event_sink(s);
    CHECK(resumed(*sink) == sink_progress{{p(0), 100}, {p(2), 70}});
  }
  std::map<std::string, std::set<std::int32_t>> places;
  for (const auto& r : kafka_world::read(topic)) {
    CHECK(r.value->starts_with(R"({"p":)"));
    if (r.key)
      places[*r.key].insert(r.partition);
  }
  CHECK(places.size() == 5);
  for (const auto& [key, partitions] : places)
    CHECK(partitions.size() == 1);
}

TEST_CASE("what was written and not synced is gone with its writer, and comes once from the next") {
  if (!kafka_world::available())
    return;
  auto topic = kafka_world::make_topic("unsynced", 2);
  auto sink = make_kafka_event_sink(kafka_world::settings(topic));
  (void)resumed(*sink);
  must(sink->write(batch_of(0, 0, 100)));
  must(sink->sync());
  must(sink->write(batch_of(0, 100, 300)));
  sink.reset();
  sink = make_kafka_event_sink(kafka_world::settings(topic));
  CHECK(resumed(*sink) == sink_progress{{p(0), 100}});
  must(sink->write(batch_of(0, 100, 300)));
  must(sink->sync());
  auto seen = ids(topic);
  CHECK(seen.size() == 150);
  for (const auto& [id, n] : seen)
    CHECK(n == 1);
}

TEST_CASE("a writer whose place was taken is fenced for ever and adds nothing") {
  if (!kafka_world::available())
    return;
  auto topic = kafka_world::make_topic("fenced", 2);
  auto old = make_kafka_event_sink(kafka_world::settings(topic));
  (void)resumed(*old);
  must(old->write(batch_of(0, 0, 100)));
  must(old->sync());
  must(old->write(batch_of(0, 100, 200)));
  auto young = make_kafka_event_sink(kafka_world::settings(topic));
  CHECK(resumed(*young) == sink_progress{{p(0), 100}});
  auto done = insist([&] { return old->sync(); });
  REQUIRE(!done);
  CHECK(done.error().code() == errc::fenced);
  CHECK(old->write(batch_of(0, 200, 300)).error().code() == errc::fenced);
  must(young->write(batch_of(0, 100, 200)));
  must(young->sync());
  CHECK(old->sync().error().code() == errc::fenced);
  must(young->write(batch_of(0, 200, 210)));
  must(young->sync());
  auto seen = ids(topic);
  CHECK(seen.size() == 105);
  for (const auto& [id, n] : seen)
    CHECK(n == 1);
}

TEST_CASE("progress that the broker has forgotten is found in the last records of the topic") {
  if (!kafka_world::available())
    return;
  auto topic = kafka_world::make_topic("forgotten", 4);
  auto s = kafka_world::settings(topic);
  auto write = [](kafka_sink_settings settings, offset from, offset upto) {
    auto sink = make_kafka_event_sink(std::move(settings));
    auto held = resumed(*sink);
    for (auto at = from; at < upto; at += 50) {
      must(sink->write(batch_of(1, at, at + 50)));
      must(sink->sync());
    }
    return held;
  };
  (void)write(s, 0, 500);
  { // an aborted transaction at the end hides nothing
    auto sink = make_kafka_event_sink(s);
    (void)resumed(*sink);
    must(sink->write(batch_of(1, 500, 9000)));
  }
  kafka_world::forget_group(s.writer_id());
  CHECK(write(s, 500, 600) == sink_progress{{p(1), 500}});
  // Another sink of the same topic starts at its own beginning.
  auto other = kafka_world::settings(topic, "other");
  CHECK(write(other, 0, 50).empty());
  kafka_world::forget_group(s.writer_id());
  CHECK(write(s, 600, 650) == sink_progress{{p(1), 600}});
}

TEST_CASE("a topic that is missing is waited for, one that is deleted and made again goes on") {
  if (!kafka_world::available())
    return;
  auto s = kafka_world::settings("no-such-topic-" + kafka_world::make_topic("x", 1));
  s.patience = 2s;
  auto sink = make_kafka_event_sink(s);
  auto held = sink->resume();
  REQUIRE(!held);
  CHECK(held.error().code() == errc::unavailable);
  CHECK_THAT(held.error().text(), Contains("does not exist") && Contains("create it"));
}

TEST_CASE("an event larger than the topic takes is a final error that names it") {
  if (!kafka_world::available())
    return;
  auto topic = kafka_world::make_topic("small", 1, {{"max.message.bytes", "5000"}});
  auto s = kafka_world::settings(topic);
  s.compression = "none";
  auto sink = make_kafka_event_sink(s);
  (void)resumed(*sink);
  // Many small ones are fine: batches are kept below the limit.
  must(sink->write(batch_of(0, 0, 1000)));
  must(sink->sync());
  auto large = batch_of(0, 1000, 1010);
  large.events[2].json = '"' + std::string(6000, 'x') + '"';
  auto done = insist([&]() -> status {
    if (auto w = sink->write(large); !w)
      return w;
    return sink->sync();
  });
  REQUIRE(!done);
  CHECK(done.error().code() == errc::event_too_large);
  CHECK_THAT(done.error().text(), Contains("clicks/0/1004/0") && Contains("6002 bytes") &&
                                      Contains("max.message.bytes of 5000") && Contains(topic));
  // Compressed, it fits.
  s.compression = "zstd";
  sink = make_kafka_event_sink(s);
  CHECK(resumed(*sink) == sink_progress{{p(0), 1000}});
  must(sink->write(large));
  must(sink->sync());
  CHECK(ids(topic).size() == 505);
}

TEST_CASE("a compacted topic refuses events without a key") {
  if (!kafka_world::available())
    return;
  auto topic = kafka_world::make_topic("compacted", 1, {{"cleanup.policy", "compact"}});
  auto sink = make_kafka_event_sink(kafka_world::settings(topic));
  (void)resumed(*sink);
  must(sink->write(batch_of(0, 0, 10)));
  auto done = insist([&] { return sink->sync(); });
  REQUIRE(!done);
  CHECK(done.error().code() == errc::refused);
  CHECK_THAT(done.error().text(), Contains("cleanup.policy=compact"));
}

TEST_CASE("more source partitions than the topic's metadata can hold are refused at the start") {
  if (!kafka_world::available())
    return;
  auto s = kafka_world::settings(kafka_world::make_topic("many", 1));
  s.inputs = {{"clicks", 0, 2000}};
  auto held = make_kafka_event_sink(s)->resume();
  REQUIRE(!held);
  CHECK(held.error().code() == errc::refused);
  CHECK_THAT(held.error().text(), Contains("more partitions"));
  s = kafka_world::settings(kafka_world::make_topic("many", 6));
  s.inputs = {{"clicks", 0, 2000}};
  auto sink = make_kafka_event_sink(s);
  (void)resumed(*sink);
  sink_progress all;
  for (std::uint32_t i = 0; i < 2000; ++i) {
    all[p(i)] = (std::uint64_t{1} << 40) + i;
    must(sink->write({p(i), all[p(i)], {}, 0}));
  }
  must(sink->sync());
  sink = make_kafka_event_sink(s);
  CHECK(resumed(*sink) == all);
}
