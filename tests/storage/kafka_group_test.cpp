// Of groups, transactions, retention and deletion the client library's mock knows nothing: a broker is
// needed, at TIDEMILL_KAFKA_BROKERS. tests/end_to_end/kafka_storage_test.py runs one.

#include "event/hash.hpp"
#include "kafka_fixture.hpp"

#include <catch2/catch.hpp>

using namespace tidemill;
using namespace tidemill::test;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr partition_id p0{0}, p1{1};

/// A group, the topics that it reads, and where it keeps what.
struct world {
  test_cluster cluster;
  temporary_folder folder;
  std::string topic, group = test_cluster::unique("group");
  kafka_source_settings settings;

  explicit world(int partitions, const std::map<std::string, std::string>& config = {}) {
    topic = cluster.create(partitions, config);
    settings.name = "clicks";
    settings.client.brokers = {cluster.brokers()};
    settings.topics = {topic};
    settings.group = group;
    settings.state_folder = folder.path();
    settings.store_id = "store-a";
    settings.store_name = "here:/a";
    settings.read_ahead = 8 << 20;
    if (const auto* fetch = std::getenv("TIDEMILL_KAFKA_FETCH"))
      settings.fetch = std::string_view{fetch} == "wire" ? kafka_source_settings::fetching::wire
                                                         : kafka_source_settings::fetching::client;
  }
  std::unique_ptr<record_source> make() const {
    auto made = make_kafka_source(settings);
    REQUIRE(made);
    return std::move(*made);
  }
  /// Opened, and what it says until it has all partitions that it gets.
  std::unique_ptr<record_source> open(heard& h, std::size_t partitions) const {
    auto source = make();
    REQUIRE(open_within(*source, seconds{30}));
    REQUIRE(poll_until(*source, {}, h, [&] { return h.assigned.size() >= partitions; }));
    return source;
  }
  static status open_within(record_source& source, seconds limit) {
    auto until = std::chrono::steady_clock::now() + limit;
    for (;;) {
      auto ok = source.open(milliseconds{1'000});
      if (ok || ok.error().code() != errc::unavailable || std::chrono::steady_clock::now() > until)
        return ok;
    }
  }
};

bool no_broker() {
  if (!test_cluster::real().empty())
    return false;
  WARN("skipped: TIDEMILL_KAFKA_BROKERS is not set");
  return true;
}

/// What the group has committed for a partition.
std::pair<std::int64_t, std::string> committed(const world& w, std::int32_t partition) {
  char text[256];
  auto* conf = rd_kafka_conf_new();
  rd_kafka_conf_set(conf, "bootstrap.servers", w.cluster.brokers().c_str(), text, sizeof text);
  rd_kafka_conf_set(conf, "group.id", w.group.c_str(), text, sizeof text);
  auto* rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
  auto* list = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(list, w.topic.c_str(), partition);
  CHECK(rd_kafka_committed(rk, list, 10'000) == RD_KAFKA_RESP_ERR_NO_ERROR);
  const auto& p = list->elems[0];
  std::pair out{p.offset, std::string{static_cast<const char*>(p.metadata), p.metadata_size}};
  rd_kafka_topic_partition_list_destroy(list);
  rd_kafka_destroy(rk);
  return out;
}

} // namespace

TEST_CASE("a source gets its partitions, reads them from the start, and commits behind its checkpoints",
          "[kafka_broker]") {
  if (no_broker())
    return;
  world w{2};
  w.cluster.produce(w.topic, 0, "x", 100);
  w.cluster.produce(w.topic, 1, "y", 50);
  {
    heard h;
    auto source = w.open(h, 2);
    CHECK(source->partitions() == 2);
    CHECK(source->assigns());
    CHECK_THAT(source->identity(p1), Catch::Contains(w.topic + " 1"));
    for (const auto& a : h.assigned) {
      CHECK(a.start == 0);
      REQUIRE(source->seek(a.partition, a.start));
    }
    REQUIRE(poll_until(*source, {p0, p1}, h, [&] { return h.records() == 150; }));
    CHECK(h.values[0].back() == "x99");
    source->committed(p0, 60);
    source->committed(p0, 70);
  }
  CHECK(committed(w, 0) == std::pair<std::int64_t, std::string>{70, "tidemill store=store-a at=here:/a"});
  CHECK(committed(w, 1).first < 0);
}

TEST_CASE("start is the end of the log, or a time, where that is asked for", "[kafka_broker]") {
  if (no_broker())
    return;
  world w{2, {{"retention.ms", "-1"}}};
  std::vector<message> all;
  for (int i = 0; i < 100; ++i)
    all.push_back({.value = "x", .time_ms = 1'700'000'000'000 + i * 1000});
  w.cluster.produce(w.topic, 0, all);
  auto starts = [&](kafka_start start) {
    w.settings.start = start;
    w.settings.group = test_cluster::unique("group");
    heard h;
    auto source = w.open(h, 2);
    std::map<std::uint32_t, offset> out;
    for (const auto& a : h.assigned)
      out[to_index(a.partition)] = a.start;
    return out;
  };
  using from = kafka_start::from;
  using both = std::map<std::uint32_t, offset>;
  auto at = [](int second) { return event_time{milliseconds{1'700'000'000'000 + second * 1000}}; };
  CHECK(starts({.kind = from::latest, .time = {}}) == both{{0, 100}, {1, 0}});
  CHECK(starts({.kind = from::time, .time = at(30)}) == both{{0, 30}, {1, 0}});
  CHECK(starts({.kind = from::time, .time = at(30) + microseconds{1}}) == both{{0, 31}, {1, 0}});
  CHECK(starts({.kind = from::time, .time = at(1000)}) == both{{0, 100}, {1, 0}});
}

TEST_CASE("a process that comes back has its partitions at once, and the one before is fenced",
          "[kafka_broker]") {
  if (no_broker())
    return;
  world w{3};
  heard first, second;
  auto a = w.open(first, 3);
  auto before = std::chrono::steady_clock::now();
  auto b = w.open(second, 3);
  CHECK(std::chrono::steady_clock::now() - before < seconds{5});
  REQUIRE(poll_until(*a, {}, first,
                     [&] { return !first.errors.empty() && first.errors.back().code() == errc::fenced; }));
  CHECK_THAT(first.errors.back().text(), Catch::Contains("a newer process has taken our place"));
  CHECK(second.revoked.empty());
}

TEST_CASE("who still holds the checkpoints takes a lost place back, once", "[kafka_broker]") {
  if (no_broker())
    return;
  world w{3};
  w.settings.still_ours = [] { return status{}; };
  heard first, second, third;
  auto a = w.open(first, 3);
  // As if it had hung while it joined: nobody polls it again.
  auto b = w.open(second, 3);
  REQUIRE(poll_until(*a, {}, first, [&] { return first.assigned.size() == 6; }));
  CHECK(first.revoked.size() == 3);
  // What a slow broker makes pass by is not the loss of the place.
  for (const auto& e : first.errors) {
    INFO(e.text());
    CHECK(e.code() == errc::unavailable);
  }
  auto c = w.open(third, 3);
  REQUIRE(poll_until(*a, {}, first,
                     [&] { return !first.errors.empty() && first.errors.back().code() == errc::fenced; }));
}

TEST_CASE("a revoked partition stays ours until it is released, then another member has it",
          "[kafka_broker]") {
  if (no_broker())
    return;
  world w{4};
  w.settings.shared = true;
  w.cluster.produce(w.topic, 0, "x", 10);
  heard first, second;
  auto a = w.open(first, 4);
  w.settings.name = "other"; // of the same pipeline, hence not refused
  auto b = w.make();
  REQUIRE(world::open_within(*b, seconds{30}));
  auto both = [&](auto&& done) {
    return poll_until(*a, {}, first, [&] {
      std::vector<polled> out;
      CHECK(b->poll({}, 1000, milliseconds{0}, out));
      for (const auto& what : out)
        second.add(what);
      return done();
    });
  };
  REQUIRE(both([&] { return !first.revoked.empty(); }));
  CHECK_FALSE(first.revoked[0].lost);
  CHECK(first.revoked.size() < 4);
  CHECK(second.assigned.empty());
  for (const auto& r : first.revoked)
    a->release(r.partition);
  REQUIRE(both([&] { return second.assigned.size() == first.revoked.size(); }));
  for (const auto& x : second.assigned)
    CHECK(std::any_of(first.revoked.begin(), first.revoked.end(),
                      [&](const auto& r) { return r.partition == x.partition; }));
}

TEST_CASE("a group that is in use with another data folder is refused, with its holder", "[kafka_broker]") {
  if (no_broker())
    return;
  world w{1};
  w.settings.client.client_id = "tidemill@first";
  heard h;
  auto a = w.open(h, 1);
  w.settings.store_id = "store-b";
  auto refused = world::open_within(*w.make(), seconds{10});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == errc::refused);
  CHECK_THAT(refused.error().text(), Catch::Contains("is in use by tidemill@first on ") &&
                                         Catch::Contains("it holds another data folder"));
}

TEST_CASE("a partition whose checkpoint is in another store is refused, the others are not",
          "[kafka_broker]") {
  if (no_broker())
    return;
  world w{2};
  w.cluster.produce(w.topic, 0, "x", 10);
  w.settings.session = milliseconds{6'000};
  {
    heard h;
    auto source = w.open(h, 2);
    source->committed(p0, 7);
    REQUIRE(poll_until(*source, {}, h, [&] { return committed(w, 0).first == 7; }));
  }
  w.settings.store_id = "store-b";
  heard h;
  auto source = w.make();
  REQUIRE(poll_until(*source, {}, h, [&] { return true; })); // an unopened one says nothing
  auto until = std::chrono::steady_clock::now() + seconds{30};
  while (!source->open(milliseconds{500}) && std::chrono::steady_clock::now() < until)
    continue; // until the session of the first has ended
  REQUIRE(poll_until(*source, {}, h, [&] { return h.assigned.size() + h.halted.size() == 2; }));
  REQUIRE(h.halted.size() == 1);
  CHECK(h.halted[0].partition == p0);
  CHECK_THAT(h.halted[0].why,
             Catch::Contains("belongs to another data folder, here:/a, which has read it up to offset 7"));
  CHECK(h.assigned[0].partition == p1);
}

TEST_CASE("records of aborted transactions are not shown, unless they are asked for", "[kafka_broker]") {
  if (no_broker())
    return;
  world w{1};
  w.cluster.produce_at_once(w.topic, 0, {{.value = "kept 1"}}, true);
  w.cluster.produce_at_once(w.topic, 0, {{.value = "gone"}}, false);
  w.cluster.produce_at_once(w.topic, 0, {{.value = "kept 2"}}, true);
  for (auto committed_only : {true, false}) {
    w.settings.read_committed = committed_only;
    w.settings.store_id = "store-a";
    heard h;
    auto source = w.open(h, 1);
    REQUIRE(source->seek(p0, 0));
    REQUIRE(poll_until(*source, {p0}, h, [&] { return h.records() >= (committed_only ? 2u : 3u); }));
    if (committed_only)
      CHECK(h.values[0] == std::vector<std::string>{"kept 1", "kept 2"});
    else
      CHECK(h.values[0].size() == 3);
  }
}

TEST_CASE("after a checkpoint the marked record is compared and not shown again", "[kafka_broker]") {
  if (no_broker())
    return;
  world w{1};
  w.cluster.produce(w.topic, 0, "x", 100);
  heard h;
  auto source = w.open(h, 1);
  REQUIRE(source->seek(p0, 50, record_mark{49, hash64("x49")}));
  REQUIRE(poll_until(*source, {p0}, h, [&] { return h.records() == 50; }));
  CHECK(h.values[0].front() == "x50");
  CHECK(h.batches.front()->begin == 50);
  REQUIRE(source->seek(p0, 50, record_mark{49, hash64("another")}));
  REQUIRE(poll_until(*source, {p0}, h, [&] { return !h.halted.empty(); }));
  CHECK_THAT(h.halted[0].why, Catch::Contains("the record at offset 49 is not the one that was read there"));
  CHECK(h.records() == 50);
}

TEST_CASE("retention takes the marked record: no loss, it takes what is wanted: a gap", "[kafka_broker]") {
  if (no_broker())
    return;
  world w{1};
  w.cluster.produce(w.topic, 0, "x", 100);
  w.cluster.cut(w.topic, 0, 50);
  heard h;
  auto source = w.open(h, 1);
  CHECK(h.assigned[0].start == 50);
  REQUIRE(source->seek(p0, 50, record_mark{49, hash64("x49")}));
  REQUIRE(poll_until(*source, {p0}, h, [&] { return h.records() == 50; }));
  CHECK(h.gaps.empty());
  REQUIRE(source->seek(p0, 40, record_mark{39, hash64("x39")}));
  REQUIRE(poll_until(*source, {p0}, h, [&] { return !h.gaps.empty(); }));
  CHECK(h.gaps[0].wanted == 40);
  CHECK(h.gaps[0].available == 50);
  h.next.clear(); // back again
  REQUIRE(source->seek(p0, 50));
  REQUIRE(poll_until(*source, {p0}, h, [&] { return h.records() == 100; }));
}

TEST_CASE("a topic that was deleted and created again halts, whether it is shorter or longer now",
          "[kafka_broker]") {
  if (no_broker())
    return;
  for (auto refilled : {0, 30, 200}) {
    world w{1};
    w.cluster.produce(w.topic, 0, "x", 100);
    {
      heard h;
      auto source = w.open(h, 1);
    }
    w.cluster.recreate(w.topic, 1);
    w.cluster.produce(w.topic, 0, "y", refilled);
    heard h;
    auto source = w.open(h, 1);
    REQUIRE(source->seek(p0, 100, record_mark{99, hash64("x99")}));
    REQUIRE(poll_until(*source, {p0}, h, [&] { return !h.halted.empty(); }));
    CHECK_THAT(h.halted[0].why, Catch::Contains("the topic was deleted and created again"));
    CHECK(h.records() == 0);
  }
}

TEST_CASE(
    "a topic that is deleted while it is read comes to a halt, a new one of its name is not taken for it",
    "[kafka_broker]") {
  if (no_broker())
    return;
  world w{1};
  w.settings.client.properties["topic.metadata.refresh.interval.ms"] = "500";
  w.cluster.produce(w.topic, 0, "x", 100);
  heard h;
  auto source = w.open(h, 1);
  REQUIRE(source->seek(p0, 0));
  REQUIRE(poll_until(*source, {p0}, h, [&] { return h.records() == 100; }));
  w.cluster.remove(w.topic);
  REQUIRE(poll_until(*source, {p0}, h, [&] { return !h.revoked.empty(); }));
  for (const auto& r : h.revoked)
    if (!r.lost)
      source->release(r.partition);
  w.cluster.create_again(w.topic, 1);
  w.cluster.produce(w.topic, 0, "y", 200);
  h.assigned.clear();
  h.halted.clear();
  REQUIRE(poll_until(*source, {p0}, h, [&] { return !h.assigned.empty(); }));
  REQUIRE(source->seek(p0, 100, record_mark{99, hash64("x99")}));
  REQUIRE(poll_until(*source, {p0}, h, [&] { return !h.halted.empty(); }));
  CHECK_THAT(h.halted[0].why, Catch::Contains("the topic was deleted and created again"));
  CHECK(h.records() == 100);
}

TEST_CASE("a damaged record halts its partition and is named", "[kafka_broker]") {
  const auto* data = std::getenv("TIDEMILL_KAFKA_DATA"); // the broker's, to be damaged
  if (no_broker() || data == nullptr)
    return;
  world w{2};
  w.cluster.produce(w.topic, 0, {{.value = "good"}});
  w.cluster.produce(w.topic, 0, {{.value = "bad"}});
  w.cluster.produce(w.topic, 1, {{.value = "other"}});
  auto log = std::filesystem::path{data} / (w.topic + "-0") / "00000000000000000000.log";
  auto bytes = slurp(log);
  auto place = bytes.find("bad");
  REQUIRE(place != std::string::npos);
  std::fstream{log, std::ios::binary | std::ios::in | std::ios::out}
      .seekp(static_cast<std::streamoff>(place))
      .write("BAD", 3);
  heard h;
  auto source = w.open(h, 2);
  REQUIRE(source->seek(p0, 0));
  REQUIRE(source->seek(p1, 0));
  REQUIRE(poll_until(*source, {p0, p1}, h, [&] { return !h.halted.empty() && h.values.contains(1); }));
  CHECK(h.values[0] == std::vector<std::string>{"good"});
  CHECK_THAT(h.halted[0].why, Catch::Contains(w.topic) && Catch::Contains("offset 1"));
}

TEST_CASE("a topic that grows is told once, opened anew, the new partitions have the next numbers",
          "[kafka_broker]") {
  if (no_broker())
    return;
  world w{1};
  w.settings.client.properties["topic.metadata.refresh.interval.ms"] = "500";
  heard h;
  auto source = w.open(h, 1);
  w.cluster.grow(w.topic, 3);
  REQUIRE(poll_until(*source, {}, h, [&] { return !h.grown.empty(); }));
  CHECK(h.grown[0].partitions == 3);
  source.reset();
  heard again;
  source = w.open(again, 3);
  CHECK(source->partitions() == 3);
  CHECK_THAT(source->identity(partition_id{2}), Catch::Contains(w.topic + " 2"));
}

TEST_CASE("a pattern finds topics by name, also those that come later", "[kafka_broker]") {
  if (no_broker())
    return;
  world w{1};
  auto prefix = test_cluster::unique("many");
  w.cluster.create(prefix + "-b", 1);
  w.cluster.create(prefix + "-a", 1);
  w.settings.topics = {"^" + prefix + "-.*"};
  w.settings.client.properties["topic.metadata.refresh.interval.ms"] = "500";
  heard h;
  auto source = w.open(h, 2);
  CHECK_THAT(source->identity(p0), Catch::Contains(prefix + "-a 0"));
  w.cluster.create(prefix + "-0", 2);
  REQUIRE(poll_until(*source, {}, h, [&] { return !h.grown.empty(); }));
  source.reset();
  heard again;
  source = w.open(again, 4);
  CHECK_THAT(source->identity(p0), Catch::Contains(prefix + "-a 0"));
  CHECK_THAT(source->identity(partition_id{2}), Catch::Contains(prefix + "-0 0"));
}

TEST_CASE("what can't be had at the start is said: no broker, no topic", "[kafka_broker]") {
  if (no_broker())
    return;
  world w{1};
  w.settings.topics = {test_cluster::unique("nobody-made-this")};
  auto missing = w.make()->open(milliseconds{2'000});
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code() == errc::unavailable);
  CHECK_THAT(missing.error().text(),
             Catch::Contains("does not exist on " + w.cluster.brokers() + ": create it"));
  w.settings.client.brokers = {"127.0.0.1:1"};
  auto away = w.make()->open(milliseconds{3'000});
  REQUIRE_FALSE(away);
  CHECK(away.error().code() == errc::unavailable);
  CHECK_THAT(away.error().text(), Catch::Contains("broker 127.0.0.1:1 is not reachable: "));
}

TEST_CASE("a record of 10 MB comes as a whole", "[kafka_broker]") {
  if (no_broker())
    return;
  world w{1, {{"max.message.bytes", "20000000"}}};
  std::string large(10'000'000, 'z');
  w.cluster.produce(w.topic, 0, {{.value = "first"}, {.value = large}, {.value = "last"}});
  heard h;
  auto source = w.open(h, 1);
  REQUIRE(source->seek(p0, 0));
  REQUIRE(poll_until(*source, {p0}, h, [&] { return h.records() == 3; }));
  CHECK(h.values[0][1].size() == large.size());
}
