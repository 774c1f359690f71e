#include "storage/kafka/wire_fetcher.hpp"

#include "event/hash.hpp"
#include "kafka_fixture.hpp"

#include <catch2/catch.hpp>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <thread>

using namespace tidemill;
using namespace tidemill::test;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

namespace {

constexpr partition_id p0{0}, p1{1};

std::unique_ptr<fetcher> fetcher_of(const std::string& brokers, fetcher::settings s = {}) {
  return make_wire_fetcher({brokers.substr(0, brokers.find(','))}, "test", s);
}

/// The library's mock with several brokers; partition n of a topic is led by broker n + 1.
struct mock_cluster {
  explicit mock_cluster(int count) {
    char text[256];
    auto* conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, [](const rd_kafka_t*, int, const char*, const char*) {});
    rd_kafka_conf_set(conf, "test.mock.num.brokers", std::to_string(count).c_str(), text, sizeof text);
    rd_kafka_conf_set(conf, "linger.ms", "1", text, sizeof text);
    handle = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    REQUIRE(handle != nullptr);
    mock = rd_kafka_handle_mock_cluster(handle);
    REQUIRE(rd_kafka_mock_topic_create(mock, "t", count, count) == RD_KAFKA_RESP_ERR_NO_ERROR);
    for (int p = 0; p < count; ++p)
      rd_kafka_mock_partition_set_leader(mock, "t", p, p + 1);
  }
  ~mock_cluster() { rd_kafka_destroy(handle); }
  mock_cluster(const mock_cluster&) = delete;
  mock_cluster& operator=(const mock_cluster&) = delete;

  [[nodiscard]] std::string brokers() const { return rd_kafka_mock_cluster_bootstraps(mock); }
  void produce(std::int32_t partition, int from, int to) const {
    for (; from != to; ++from) {
      auto text = std::to_string(from);
      rd_kafka_producev(handle, RD_KAFKA_V_TOPIC("t"), RD_KAFKA_V_PARTITION(partition),
                        RD_KAFKA_V_VALUE(text.data(), text.size()), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                        RD_KAFKA_V_END);
    }
    REQUIRE(rd_kafka_flush(handle, 20'000) == RD_KAFKA_RESP_ERR_NO_ERROR);
  }

  rd_kafka_t* handle = nullptr;
  rd_kafka_mock_cluster_t* mock = nullptr;
};

std::vector<std::string> numbers(int from, int to) {
  std::vector<std::string> all;
  for (; from != to; ++from)
    all.push_back(std::to_string(from));
  return all;
}

double gauge(const fetcher& f, std::string_view name) {
  for (const auto& g : f.gauges())
    if (g.name == name)
      return g.value;
  return -1;
}

/// A port of this host that nobody listens to.
std::uint16_t free_port(int& keeps) {
  keeps = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  REQUIRE(::bind(keeps, reinterpret_cast<sockaddr*>(&at), size) == 0);
  REQUIRE(::getsockname(keeps, reinterpret_cast<sockaddr*>(&at), &size) == 0);
  return ntohs(at.sin_port);
}

} // namespace

TEST_CASE("wire: records come in offset order, each once, from where they are sought") {
  test_cluster cluster;
  auto topic = cluster.create(2);
  cluster.produce(topic, 0, "x", 3000);
  cluster.produce(topic, 1, "y", 10);
  auto f = fetcher_of(cluster.brokers());
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
  CHECK(gauge(*f, "bytes_fetched_total") > 3000);
  for (const auto& b : h.batches)
    CHECK(b->records.size() <= 4096);
}

TEST_CASE("wire: a partition that nobody wants brings nothing, and goes on later") {
  test_cluster cluster;
  auto topic = cluster.create(2);
  cluster.produce(topic, 0, "x", 10);
  cluster.produce(topic, 1, "y", 10);
  auto f = fetcher_of(cluster.brokers());
  REQUIRE(f->seek(p0, {topic, 0}, 0));
  REQUIRE(f->seek(p1, {topic, 1}, 0));
  heard h;
  REQUIRE(poll_until(*f, {p1}, h, [&] { return h.values[1].size() == 10; }));
  CHECK(h.values[0].empty());
  REQUIRE(poll_until(*f, {p0}, h, [&] { return h.values[0].size() == 10; }));
  f->forget(p0);
  cluster.produce(topic, 0, "z", 1);
  std::vector<polled> out;
  REQUIRE(f->poll({p0}, 1 << 20, milliseconds{50}, out));
  CHECK(out.empty());
}

TEST_CASE("wire: a second seek drops what was read ahead, at any time") {
  test_cluster cluster;
  auto topic = cluster.create(1);
  cluster.produce(topic, 0, "x", 2000);
  auto f = fetcher_of(cluster.brokers());
  std::mt19937_64 random{1};
  for (int i = 0; i < 50; ++i) {
    auto at = random() % 2000;
    REQUIRE(f->seek(p0, {topic, 0}, at));
    heard h;
    for (auto n = random() % 3; n != 0; --n) { // maybe an answer is on its way when it is sought again
      std::vector<polled> out;
      REQUIRE(f->poll({p0}, 100, milliseconds{static_cast<int>(random() % 2)}, out));
      for (const auto& what : out)
        h.add(what);
    }
    if (random() % 2 == 0) {
      REQUIRE(poll_until(
          *f, {p0}, h, [&] { return h.records() > 0; }, seconds{30}, 1));
    }
    if (h.records() > 0)
      REQUIRE(h.offsets[0].front() == at);
    REQUIRE(h.halted.empty());
  }
}

TEST_CASE("wire: what is there for one partition is handed on about as much at once as is allowed") {
  test_cluster cluster;
  auto topic = cluster.create(1);
  cluster.produce(topic, 0, std::string(1000, 'x'), 500);
  auto f = fetcher_of(cluster.brokers());
  REQUIRE(f->seek(p0, {topic, 0}, 0));
  heard h;
  std::vector<polled> out;
  while (h.records() < 500) {
    out.clear();
    REQUIRE(f->poll({p0}, 10'000, milliseconds{1000}, out));
    std::size_t bytes = 0;
    for (const auto& what : out) {
      h.add(what);
      bytes += std::get<record_batch_ptr>(what)->bytes;
    }
    REQUIRE(bytes < 12'000);
  }
}

TEST_CASE("wire: reading ahead is bounded") {
  test_cluster cluster;
  auto topic = cluster.create(2);
  cluster.produce(topic, 0, std::string(10'000, 'x'), 400);
  cluster.produce(topic, 1, std::string(10'000, 'x'), 400);
  auto f = fetcher_of(cluster.brokers(), {.read_ahead = 300'000});
  REQUIRE(f->seek(p0, {topic, 0}, 0));
  REQUIRE(f->seek(p1, {topic, 1}, 0));
  heard h;
  double most = 0;
  REQUIRE(poll_until(
      *f, {p0, p1}, h,
      [&] {
        most = std::max(most, gauge(*f, "read_ahead_bytes"));
        return h.records() == 800;
      },
      seconds{30}, 20'000));
  // A single batch may be larger; the producer's are up to 1 MB.
  CHECK(most < 1'300'000);
}

TEST_CASE("wire: a record of 10 MB comes through, among others") {
  test_cluster cluster;
  auto topic = cluster.create(2, {{"max.message.bytes", "20000000"}});
  cluster.produce(topic, 0, "x", 5);
  // The mock keeps less than 5 MB of a partition.
  std::string large(cluster.mock() != nullptr ? 3'000'000 : 10'000'000, 'x');
  for (std::size_t i = 0; i < large.size(); i += 1000)
    large[i] = static_cast<char>('a' + i / 1000 % 26);
  cluster.produce(topic, 0, {{.value = large}, {.value = "after"}});
  cluster.produce(topic, 1, "y", 5);
  auto f = fetcher_of(cluster.brokers());
  REQUIRE(f->seek(p0, {topic, 0}, 0));
  REQUIRE(f->seek(p1, {topic, 1}, 0));
  heard h;
  REQUIRE(poll_until(*f, {p0, p1}, h, [&] { return h.records() == 12; }));
  REQUIRE((h.values[0][5] == large));
  CHECK(h.values[0][6] == "after");
}

TEST_CASE("wire: poll waits no longer than it may, and wake ends it") {
  test_cluster cluster;
  auto topic = cluster.create(1);
  auto f = fetcher_of(cluster.brokers());
  REQUIRE(f->seek(p0, {topic, 0}, 0));
  std::vector<polled> out;
  auto began = steady_clock::now();
  REQUIRE(f->poll({p0}, 1 << 20, milliseconds{100}, out));
  CHECK(steady_clock::now() - began >= milliseconds{100});
  CHECK(steady_clock::now() - began < seconds{5});
  f->wake();
  began = steady_clock::now();
  REQUIRE(f->poll({p0}, 1 << 20, seconds{20}, out));
  CHECK(steady_clock::now() - began < seconds{10});
  std::thread waker{[&] { f->wake(); }};
  REQUIRE(f->poll({p0}, 1 << 20, seconds{20}, out));
  waker.join();
  CHECK(steady_clock::now() - began < seconds{15});
  CHECK(out.empty());
}

TEST_CASE("wire: an offset behind the end halts the partition, only it") {
  test_cluster cluster;
  auto topic = cluster.create(2);
  cluster.produce(topic, 0, "x", 10);
  cluster.produce(topic, 1, "y", 10);
  auto f = fetcher_of(cluster.brokers());
  REQUIRE(f->seek(p0, {topic, 0}, 11));
  REQUIRE(f->seek(p1, {topic, 1}, 10));
  heard h;
  REQUIRE(poll_until(*f, {p0, p1}, h, [&] { return !h.halted.empty(); }));
  CHECK(h.halted[0].partition == p0);
  CHECK_THAT(h.halted[0].why,
             Catch::Contains(topic + "-0") && Catch::Contains("offset 11") && Catch::Contains("ends at 10"));
  cluster.produce(topic, 1, "z", 1);
  REQUIRE(poll_until(*f, {p0, p1}, h, [&] { return h.records() == 1; }));
  CHECK(h.halted.size() == 1);
  REQUIRE(f->seek(p0, {topic, 0}, 9));
  REQUIRE(poll_until(*f, {p0, p1}, h, [&] { return h.records() == 2; }));
}

TEST_CASE("wire: records that are gone are a gap, from there on it goes when sought again") {
  if (test_cluster::real().empty()) {
    WARN("needs a real broker: set TIDEMILL_KAFKA_BROKERS");
    return;
  }
  test_cluster cluster;
  auto topic = cluster.create(1);
  cluster.produce(topic, 0, "x", 100);
  cluster.cut(topic, 0, 60);
  auto f = fetcher_of(cluster.brokers());
  REQUIRE(f->seek(p0, {topic, 0}, 5));
  heard h;
  REQUIRE(poll_until(*f, {p0}, h, [&] { return !h.gaps.empty(); }));
  CHECK(h.gaps[0].wanted == 5);
  CHECK(h.gaps[0].available == 60);
  CHECK(h.records() == 0);
  REQUIRE(f->seek(p0, {topic, 0}, 60));
  REQUIRE(poll_until(*f, {p0}, h, [&] { return h.records() == 40; }));
}

TEST_CASE("wire: a topic that is deleted and created again halts its partitions") {
  if (test_cluster::real().empty()) {
    WARN("needs a real broker: set TIDEMILL_KAFKA_BROKERS");
    return;
  }
  test_cluster cluster;
  auto topic = cluster.create(1);
  cluster.produce(topic, 0, "x", 10);
  auto f = fetcher_of(cluster.brokers());
  REQUIRE(f->seek(p0, {topic, 0}, 0));
  heard h;
  REQUIRE(poll_until(*f, {p0}, h, [&] { return h.records() == 10; }));
  cluster.recreate(topic, 1);
  cluster.produce(topic, 0, "other", 20);
  REQUIRE(poll_until(*f, {p0}, h, [&] { return !h.halted.empty(); }));
  CHECK_THAT(h.halted[0].why, Catch::Contains("deleted and created again"));
  CHECK(h.records() == 10);
  REQUIRE(f->seek(p0, {topic, 0}, 0));
  h.next.clear();
  REQUIRE(poll_until(*f, {p0}, h, [&] { return h.records() == 30; }));
}

TEST_CASE("wire: a missing topic is told after a while, and read when it is there") {
  test_cluster cluster;
  auto f = fetcher_of(cluster.brokers());
  auto topic = test_cluster::unique("later");
  if (cluster.mock() != nullptr)
    rd_kafka_mock_topic_set_error(cluster.mock(), topic.c_str(), RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  REQUIRE(f->seek(p0, {topic, 0}, 0));
  heard h;
  REQUIRE(poll_until(*f, {p0}, h, [&] { return !h.errors.empty(); }));
  CHECK(h.errors[0].code() == errc::unavailable);
  CHECK_THAT(h.errors[0].text(), Catch::Contains(topic) && Catch::Contains("no such topic"));
  if (cluster.mock() != nullptr)
    return; // its topic would stay as it is
  cluster.create(topic, 1);
  cluster.produce(topic, 0, "x", 3);
  REQUIRE(poll_until(*f, {p0}, h, [&] { return h.records() == 3; }));
}

TEST_CASE("wire: brokers that are not there are named, with the reason") {
  int keeps = -1;
  auto port = std::to_string(free_port(keeps));
  auto refused = make_wire_fetcher({"127.0.0.1:" + port}, "test", {});
  auto unknown = make_wire_fetcher({"no.such.host.invalid:9092"}, "test", {});
  for (auto* f : {refused.get(), unknown.get()}) {
    REQUIRE(f->seek(p0, {"t", 0}, 0));
    heard h;
    REQUIRE(poll_until(*f, {p0}, h, [&] { return !h.errors.empty(); }));
    CHECK(h.errors[0].code() == errc::unavailable);
    CHECK_THAT(h.errors[0].text(), Catch::Contains("is not reachable: "));
    CHECK_THAT(h.errors[0].text(), Catch::Contains(f == refused.get() ? port : "no.such.host.invalid:9092"));
  }
  ::close(keeps);
}

TEST_CASE("wire: one of several bootstrap addresses is enough") {
  test_cluster cluster;
  auto topic = cluster.create(1);
  cluster.produce(topic, 0, "x", 3);
  int keeps = -1;
  auto dead = "127.0.0.1:" + std::to_string(free_port(keeps));
  auto f = make_wire_fetcher({dead, cluster.brokers().substr(0, cluster.brokers().find(','))}, "test", {});
  REQUIRE(f->seek(p0, {topic, 0}, 0));
  heard h;
  REQUIRE(poll_until(*f, {p0}, h, [&] { return h.records() == 3; }));
  ::close(keeps);
}

TEST_CASE("wire: who is not a Kafka broker is not followed, whatever it answers") {
  int listener = -1;
  auto port = free_port(listener);
  REQUIRE(::listen(listener, 16) == 0);
  std::atomic<bool> stop = false;
  std::thread server{[&] {
    std::mt19937_64 random{3};
    while (!stop) {
      auto s = ::accept(listener, nullptr, nullptr);
      if (s < 0)
        return;
      char request[256];
      (void)!::recv(s, request, sizeof request, 0);
      // Often what begins as a right answer does.
      std::string answer(random() % 200, '\0');
      for (auto& c : answer)
        c = static_cast<char>(random() % 4 == 0 ? random() : 0);
      if (answer.size() > 8 && random() % 2 == 0) {
        answer.replace(0, 4, {0, 0, 0, static_cast<char>(answer.size() - 4)});
        answer.replace(4, 4, {0, 0, 0, 1});
      }
      (void)!::send(s, answer.data(), answer.size(), MSG_NOSIGNAL);
      ::close(s);
    }
  }};
  {
    auto f = make_wire_fetcher({"127.0.0.1:" + std::to_string(port)}, "test", {});
    REQUIRE(f->seek(p0, {"t", 0}, 0));
    heard h;
    CHECK(poll_until(*f, {p0}, h, [&] { return h.errors.size() >= 50; }));
    CHECK(h.records() == 0);
  }
  stop = true;
  ::shutdown(listener, SHUT_RDWR);
  server.join();
  ::close(listener);
}

TEST_CASE("wire: partitions follow their leaders") {
  mock_cluster cluster{3};
  cluster.produce(0, 0, 10);
  cluster.produce(1, 0, 10);
  auto f = fetcher_of(cluster.brokers());
  REQUIRE(f->seek(p0, {"t", 0}, 0));
  REQUIRE(f->seek(p1, {"t", 1}, 0));
  heard h;
  REQUIRE(poll_until(*f, {p0, p1}, h, [&] { return h.records() == 20; }));
  int n = 10;
  for (int leader : {2, 3, 1}) {
    rd_kafka_mock_partition_set_leader(cluster.mock, "t", 0, leader);
    cluster.produce(0, n, n + 10);
    n += 10;
    REQUIRE(poll_until(*f, {p0, p1}, h, [&] { return h.values[0].size() == static_cast<std::size_t>(n); }));
  }
  CHECK(h.values[0] == numbers(0, n));
  CHECK(h.values[1] == numbers(0, 10));
}

TEST_CASE("wire: while one broker is away the partitions of others go on, and its own after it is back") {
  mock_cluster cluster{2};
  auto f = fetcher_of(cluster.brokers());
  REQUIRE(f->seek(p0, {"t", 0}, 0));
  REQUIRE(f->seek(p1, {"t", 1}, 0));
  cluster.produce(0, 0, 10);
  cluster.produce(1, 0, 10);
  heard h;
  REQUIRE(poll_until(*f, {p0, p1}, h, [&] { return h.records() == 20; }));
  rd_kafka_mock_broker_set_down(cluster.mock, 1);
  REQUIRE(poll_until(*f, {p0, p1}, h, [&] { return gauge(*f, "brokers_unreachable") == 1; }));
  cluster.produce(1, 10, 20);
  REQUIRE(poll_until(*f, {p0, p1}, h, [&] { return h.records() == 30; }));
  CHECK(h.errors.empty());
  // Only those that can't be had are wanted: now it is said.
  REQUIRE(poll_until(*f, {p0}, h, [&] { return !h.errors.empty(); }));
  CHECK(h.errors[0].code() == errc::unavailable);
  CHECK_THAT(h.errors[0].text(), Catch::Contains("is not reachable"));
  rd_kafka_mock_broker_set_up(cluster.mock, 1);
  cluster.produce(0, 10, 20);
  REQUIRE(poll_until(*f, {p0, p1}, h, [&] { return h.records() == 40; }));
  CHECK(h.values[0] == numbers(0, 20));
  CHECK(h.values[1] == numbers(0, 20));
  CHECK(gauge(*f, "reconnects_total") >= 1);
}

TEST_CASE("wire: errors that pass are outlived, others halt the partition") {
  constexpr std::int16_t fetch = 1;
  mock_cluster cluster{1};
  cluster.produce(0, 0, 10);
  auto f = fetcher_of(cluster.brokers());
  REQUIRE(f->seek(p0, {"t", 0}, 0));
  heard h;
  rd_kafka_mock_push_request_errors(cluster.mock, fetch, 4, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
                                    RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,
                                    RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH,
                                    RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH);
  REQUIRE(poll_until(*f, {p0}, h, [&] { return h.records() == 10; }));
  CHECK(h.errors.empty());
  rd_kafka_mock_push_request_errors(cluster.mock, fetch, 1, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
  REQUIRE(poll_until(*f, {p0}, h, [&] { return !h.halted.empty(); }));
  CHECK_THAT(h.halted[0].why, Catch::Contains("t-0") && Catch::Contains("not permitted"));
}
