#include "kafka_fixture.hpp"
#include "storage/kafka/client_fetcher.hpp"
#include "storage/kafka/wire_fetcher.hpp"

#include <catch2/catch.hpp>

using namespace tidemill;
using namespace tidemill::test;

namespace {

using headers_type = std::vector<std::pair<std::string, std::optional<std::string>>>;

struct read_record {
  offset at = 0;
  std::optional<event_time> arrival;
  std::optional<std::string> key, value;
  headers_type headers;
  friend bool operator==(const read_record&, const read_record&) = default;
};

void check(rd_kafka_error_t* e) {
  std::string text = e != nullptr ? rd_kafka_error_string(e) : "";
  if (e != nullptr)
    rd_kafka_error_destroy(e);
  REQUIRE(text == "");
}

/// A producer with a compression, and perhaps transactions.
class writer {
public:
  writer(const std::string& brokers, const char* codec, const std::string& transactions = "") {
    auto* conf = rd_kafka_conf_new();
    char text[256];
    for (const auto& [name, value] : std::map<std::string, std::string>{{"bootstrap.servers", brokers},
                                                                        {"compression.codec", codec},
                                                                        {"message.max.bytes", "20000000"},
                                                                        {"linger.ms", "5"},
                                                                        {"transactional.id", transactions}})
      if (!value.empty())
        REQUIRE(rd_kafka_conf_set(conf, name.c_str(), value.c_str(), text, sizeof text) == RD_KAFKA_CONF_OK);
    handle_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    REQUIRE(handle_ != nullptr);
    if (!transactions.empty())
      check(rd_kafka_init_transactions(handle_, 30'000));
  }
  ~writer() { rd_kafka_destroy(handle_); }
  writer(const writer&) = delete;
  writer& operator=(const writer&) = delete;

  void send(const std::string& topic, std::mt19937_64& random, std::size_t large = 0) {
    auto text = [&](std::size_t most) {
      std::string s(random() % (most + 1), ' ');
      for (auto& c : s)
        c = static_cast<char>('a' + random() % 7);
      return s;
    };
    auto* headers = rd_kafka_headers_new(2);
    for (auto n = random() % 3; n != 0; --n) {
      auto name = text(8), value = text(8);
      rd_kafka_header_add(headers, name.c_str(), -1, random() % 4 == 0 ? nullptr : value.data(),
                          static_cast<ssize_t>(value.size()));
    }
    auto key = text(10), value = large != 0 ? std::string(large, 'L') : text(400);
    auto* bytes = random() % 10 == 0 ? nullptr : value.data();
    auto* key_bytes = random() % 3 == 0 ? nullptr : key.data();
    auto time = 1'700'000'000'000 + static_cast<std::int64_t>(random() % 100'000);
    auto failed =
        rd_kafka_producev(handle_, RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_PARTITION(0),
                          RD_KAFKA_V_VALUE(bytes, value.size()), RD_KAFKA_V_KEY(key_bytes, key.size()),
                          RD_KAFKA_V_TIMESTAMP(time), RD_KAFKA_V_HEADERS(headers),
                          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY | RD_KAFKA_MSG_F_BLOCK), RD_KAFKA_V_END);
    REQUIRE(failed == RD_KAFKA_RESP_ERR_NO_ERROR);
  }
  void flush() { REQUIRE(rd_kafka_flush(handle_, 30'000) == RD_KAFKA_RESP_ERR_NO_ERROR); }
  void begin() { check(rd_kafka_begin_transaction(handle_)); }
  void end(bool commit) {
    check(commit ? rd_kafka_commit_transaction(handle_, 30'000)
                 : rd_kafka_abort_transaction(handle_, 30'000));
  }

private:
  rd_kafka_t* handle_ = nullptr;
};

/// Up to a record `last`.
std::vector<read_record> read_all(fetcher& f, const std::string& topic, std::size_t max_bytes) {
  REQUIRE(f.seek(partition_id{0}, {topic, 0}, 0));
  heard h;
  REQUIRE(poll_until(
      f, {partition_id{0}}, h,
      [&] { return !h.batches.empty() && h.values[0].size() > 0 && h.values[0].back() == "last"; },
      std::chrono::seconds{60}, max_bytes));
  std::vector<read_record> all;
  for (const auto& b : h.batches)
    for (const auto& r : b->records) {
      REQUIRE(r.meta);
      read_record one{r.at, r.arrival, {}, {}, {}};
      if (r.meta->key)
        one.key = *r.meta->key;
      if (!r.meta->tombstone)
        one.value = r.bytes;
      for (const auto& header : r.meta->headers)
        one.headers.emplace_back(header.name,
                                 header.value ? std::optional<std::string>{*header.value} : std::nullopt);
      all.push_back(std::move(one));
    }
  return all;
}

void write_everything(const std::string& brokers, const std::string& topic, std::mt19937_64& random) {
  for (const auto* codec : {"none", "gzip", "snappy", "lz4", "zstd"}) {
    writer w{brokers, codec};
    for (int i = 0; i < 2'000; ++i) {
      w.send(topic, random, i % 997 == 500 ? 5'000'000 : 0);
      if (random() % 200 == 0)
        w.flush();
    }
    w.flush();
  }
  // Two producers, whose transactions overlap.
  writer a{brokers, "lz4", "a-" + topic}, b{brokers, "none", "b-" + topic};
  for (int i = 0; i < 12; ++i) {
    a.begin();
    b.begin();
    for (auto n = random() % 100; n != 0; --n) {
      (random() % 2 == 0 ? a : b).send(topic, random);
      if (random() % 20 == 0)
        a.flush();
    }
    a.send(topic, random);
    b.send(topic, random);
    (random() % 2 == 0 ? a : b).flush();
    a.end(random() % 2 == 0);
    b.end(random() % 2 == 0);
  }
}

} // namespace

TEST_CASE("wire: what the client library reads, record by record") {
  if (test_cluster::real().empty()) {
    WARN("needs a real broker: set TIDEMILL_KAFKA_BROKERS");
    return;
  }
  std::mt19937_64 random{11};
  test_cluster cluster;
  for (const auto* times : {"CreateTime", "LogAppendTime"}) {
    auto topic = cluster.create(1, {{"max.message.bytes", "20000000"}, {"message.timestamp.type", times}});
    write_everything(cluster.brokers(), topic, random);
    cluster.produce(topic, 0, {{.value = "last"}});
    for (auto committed : {true, false}) {
      fetcher::settings s{.read_committed = committed, .meta = true};
      kafka_client_settings client;
      client.brokers = {cluster.brokers()};
      auto theirs = make_client_fetcher(client, s, 1);
      REQUIRE(theirs);
      auto expected = read_all(**theirs, topic, 256 << 10);
      REQUIRE(expected.size() > 10'000);
      for (std::size_t max_bytes : {1'000, 256 << 10}) {
        auto ours = make_wire_fetcher({cluster.brokers()}, "test", s);
        REQUIRE((read_all(*ours, topic, max_bytes) == expected));
      }
    }
  }
}
