#pragma once

#include "disk_fixture.hpp"
#include "storage/kafka/kafka_source.hpp"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <chrono>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace tidemill::test {

struct message {
  std::string value;
  std::optional<std::string> key = {};
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::int64_t time_ms = 0; ///< 0: now
  bool tombstone = false;
};

/// A cluster with what a test does to it: a real one at TIDEMILL_KAFKA_BROKERS if that is set, else the
/// client library's mock, which knows no groups' members and no truncation.
class test_cluster {
public:
  /// The address of the real one; empty: none.
  static std::string real() {
    const auto* brokers = std::getenv("TIDEMILL_KAFKA_BROKERS");
    return brokers != nullptr ? brokers : "";
  }
  /// A name that no other test has.
  static std::string unique(const std::string& name) {
    static std::mt19937_64 random{std::random_device{}()};
    return name + '-' + std::to_string(random());
  }

  explicit test_cluster(const std::string& brokers = real()) {
    auto* conf = rd_kafka_conf_new();
    if (brokers.empty())
      set(conf, "test.mock.num.brokers", "1");
    else
      set(conf, "bootstrap.servers", brokers);
    set(conf, "message.max.bytes", "30000000");
    set(conf, "log_level", "0");
    handle_ = make(conf);
    if (brokers.empty()) {
      mock_ = rd_kafka_handle_mock_cluster(handle_);
      brokers_ = rd_kafka_mock_cluster_bootstraps(mock_);
    } else {
      brokers_ = brokers;
    }
  }
  ~test_cluster() { rd_kafka_destroy(handle_); }
  test_cluster(const test_cluster&) = delete;
  test_cluster& operator=(const test_cluster&) = delete;

  [[nodiscard]] const std::string& brokers() const noexcept { return brokers_; }
  [[nodiscard]] rd_kafka_mock_cluster_t* mock() const noexcept { return mock_; }

  /// A new topic; the answer is its name.
  std::string create(int partitions, const std::map<std::string, std::string>& config = {}) {
    auto topic = unique("topic");
    create(topic, partitions, config);
    return topic;
  }
  void create(const std::string& topic, int partitions,
              const std::map<std::string, std::string>& config = {}) {
    if (mock_ != nullptr)
      REQUIRE(rd_kafka_mock_topic_create(mock_, topic.c_str(), partitions, 1) == RD_KAFKA_RESP_ERR_NO_ERROR);
    else
      REQUIRE(try_to_create(topic, partitions, config) == RD_KAFKA_RESP_ERR_NO_ERROR);
  }
  void remove(const std::string& topic) {
    auto* gone = rd_kafka_DeleteTopic_new(topic.c_str());
    admin([&](rd_kafka_queue_t* q) { rd_kafka_DeleteTopics(handle_, &gone, 1, nullptr, q); });
    rd_kafka_DeleteTopic_destroy(gone);
  }
  /// Deletes it and makes an empty one of the same name.
  void recreate(const std::string& topic, int partitions) {
    remove(topic);
    create_again(topic, partitions);
  }
  void create_again(const std::string& topic, int partitions) {
    auto until = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    while (try_to_create(topic, partitions, {}) != RD_KAFKA_RESP_ERR_NO_ERROR)
      REQUIRE(std::chrono::steady_clock::now() < until); // deletion goes on for a moment
  }
  void grow(const std::string& topic, std::size_t partitions) {
    char text[256];
    auto* more = rd_kafka_NewPartitions_new(topic.c_str(), partitions, text, sizeof text);
    admin([&](rd_kafka_queue_t* q) { rd_kafka_CreatePartitions(handle_, &more, 1, nullptr, q); });
    rd_kafka_NewPartitions_destroy(more);
  }
  /// Records before `at` vanish, as by retention.
  void cut(const std::string& topic, std::int32_t partition, std::int64_t at) {
    auto* list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic.c_str(), partition)->offset = at;
    auto* gone = rd_kafka_DeleteRecords_new(list);
    admin([&](rd_kafka_queue_t* q) { rd_kafka_DeleteRecords(handle_, &gone, 1, nullptr, q); });
    rd_kafka_DeleteRecords_destroy(gone);
    rd_kafka_topic_partition_list_destroy(list);
  }

  void produce(const std::string& topic, std::int32_t partition, const std::vector<message>& all) {
    send(handle_, topic, partition, all);
    REQUIRE(rd_kafka_flush(handle_, 20'000) == RD_KAFKA_RESP_ERR_NO_ERROR);
  }
  /// `n` records `<prefix>0`, `<prefix>1` …
  void produce(const std::string& topic, std::int32_t partition, const std::string& prefix, int n) {
    std::vector<message> all;
    for (int i = 0; i < n; ++i)
      all.push_back({.value = prefix + std::to_string(i)});
    produce(topic, partition, all);
  }
  /// In a transaction, which is then committed or aborted.
  void produce_at_once(const std::string& topic, std::int32_t partition, const std::vector<message>& all,
                       bool commit) {
    auto* conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", brokers_);
    set(conf, "transactional.id", "test-" + topic);
    auto* writer = make(conf);
    auto ok = [](rd_kafka_error_t* e) {
      std::string text = e != nullptr ? rd_kafka_error_string(e) : "";
      if (e != nullptr)
        rd_kafka_error_destroy(e);
      REQUIRE(text == "");
    };
    ok(rd_kafka_init_transactions(writer, 30'000));
    ok(rd_kafka_begin_transaction(writer));
    send(writer, topic, partition, all);
    ok(commit ? rd_kafka_commit_transaction(writer, 30'000) : (rd_kafka_flush(writer, 20'000), nullptr));
    if (!commit)
      ok(rd_kafka_abort_transaction(writer, 30'000));
    rd_kafka_destroy(writer);
  }

private:
  static void set(rd_kafka_conf_t* conf, const char* name, const std::string& value) {
    char text[256];
    REQUIRE(rd_kafka_conf_set(conf, name, value.c_str(), text, sizeof text) == RD_KAFKA_CONF_OK);
  }
  static rd_kafka_t* make(rd_kafka_conf_t* conf) {
    char text[256];
    rd_kafka_conf_set_log_cb(conf, [](const rd_kafka_t*, int, const char*, const char*) {});
    auto* out = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    REQUIRE(out != nullptr);
    return out;
  }
  /// The answer; the caller destroys it.
  template <class F>
  rd_kafka_event_t* ask_admin(F&& ask) {
    auto* queue = rd_kafka_queue_new(handle_);
    ask(queue);
    auto* answer = rd_kafka_queue_poll(queue, 20'000);
    REQUIRE(answer != nullptr);
    CHECK(std::string{rd_kafka_err2str(rd_kafka_event_error(answer))} == "Success");
    rd_kafka_queue_destroy(queue);
    return answer;
  }
  template <class F>
  void admin(F&& ask) {
    rd_kafka_event_destroy(ask_admin(ask));
  }
  rd_kafka_resp_err_t try_to_create(const std::string& topic, int partitions,
                                    const std::map<std::string, std::string>& config) {
    char text[256];
    auto* made = rd_kafka_NewTopic_new(topic.c_str(), partitions, 1, text, sizeof text);
    for (const auto& [name, value] : config)
      rd_kafka_NewTopic_set_config(made, name.c_str(), value.c_str());
    auto* answer =
        ask_admin([&](rd_kafka_queue_t* q) { rd_kafka_CreateTopics(handle_, &made, 1, nullptr, q); });
    std::size_t n = 0;
    const auto** all = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(answer), &n);
    auto out = n == 1 ? rd_kafka_topic_result_error(all[0]) : RD_KAFKA_RESP_ERR_UNKNOWN;
    rd_kafka_event_destroy(answer);
    rd_kafka_NewTopic_destroy(made);
    if (out == RD_KAFKA_RESP_ERR_NO_ERROR)
      learn(topic);
    return out;
  }
  // Else the first record waits for the library's next look at its topics, up to a second.
  void learn(const std::string& topic) {
    auto* handle = rd_kafka_topic_new(handle_, topic.c_str(), nullptr);
    for (auto there = false; !there;) {
      const rd_kafka_metadata_t* found = nullptr;
      REQUIRE(rd_kafka_metadata(handle_, 0, handle, &found, 20'000) == RD_KAFKA_RESP_ERR_NO_ERROR);
      there = found->topic_cnt == 1 && found->topics[0].partition_cnt > 0;
      rd_kafka_metadata_destroy(found);
    }
    rd_kafka_topic_destroy(handle);
  }
  static void send(rd_kafka_t* to, const std::string& topic, std::int32_t partition,
                   const std::vector<message>& all) {
    for (const auto& m : all) {
      auto* headers = rd_kafka_headers_new(m.headers.size());
      for (const auto& [name, value] : m.headers)
        rd_kafka_header_add(headers, name.c_str(), -1, value.c_str(), -1);
      const auto* key = m.key ? m.key->data() : nullptr;
      auto key_size = m.key ? m.key->size() : 0;
      const auto* value = m.tombstone ? nullptr : m.value.data();
      auto failed = rd_kafka_producev(
          to, RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_PARTITION(partition),
          RD_KAFKA_V_VALUE(const_cast<char*>(value), m.value.size()), RD_KAFKA_V_KEY(key, key_size),
          RD_KAFKA_V_TIMESTAMP(m.time_ms), RD_KAFKA_V_HEADERS(headers),
          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY | RD_KAFKA_MSG_F_BLOCK), RD_KAFKA_V_END);
      REQUIRE(failed == RD_KAFKA_RESP_ERR_NO_ERROR);
    }
  }

  rd_kafka_t* handle_ = nullptr;
  rd_kafka_mock_cluster_t* mock_ = nullptr;
  std::string brokers_;
};

/// All that a source or a fetcher says, sorted.
struct heard {
  std::map<std::uint32_t, std::vector<std::string>> values;
  std::map<std::uint32_t, std::vector<offset>> offsets;
  std::map<std::uint32_t, offset> next; ///< end of the newest batch
  std::vector<polled_assigned> assigned;
  std::vector<polled_revoked> revoked;
  std::vector<polled_gap> gaps;
  std::vector<polled_halted> halted;
  std::vector<polled_grown> grown;
  std::vector<record_batch_ptr> batches;
  std::vector<error> errors;

  void add(const polled& what) {
    if (const auto* b = std::get_if<record_batch_ptr>(&what)) {
      auto p = to_index((*b)->partition);
      if (next.contains(p))
        CHECK((*b)->begin >= next[p]);
      next[p] = (*b)->end;
      for (const auto& r : (*b)->records) {
        values[p].emplace_back(r.bytes);
        offsets[p].push_back(r.at);
      }
      batches.push_back(*b);
    } else if (const auto* a = std::get_if<polled_assigned>(&what)) {
      assigned.push_back(*a);
    } else if (const auto* r = std::get_if<polled_revoked>(&what)) {
      revoked.push_back(*r);
    } else if (const auto* g = std::get_if<polled_gap>(&what)) {
      gaps.push_back(*g);
    } else if (const auto* h = std::get_if<polled_halted>(&what)) {
      halted.push_back(*h);
    } else if (const auto* n = std::get_if<polled_grown>(&what)) {
      grown.push_back(*n);
    }
  }
  [[nodiscard]] std::size_t records() const {
    std::size_t n = 0;
    for (const auto& [p, all] : values)
      n += all.size();
    return n;
  }
};

/// Polls until `done`, for at most `limit`.
template <class Source, class Done>
bool poll_until(Source& from, const std::vector<partition_id>& wanted, heard& h, Done&& done,
                std::chrono::seconds limit = std::chrono::seconds{30}, std::size_t max_bytes = 64 << 10) {
  auto until = std::chrono::steady_clock::now() + limit;
  std::vector<polled> out;
  while (!done()) {
    if (std::chrono::steady_clock::now() > until)
      return false;
    out.clear();
    auto ok = from.poll(wanted, max_bytes, std::chrono::milliseconds{20}, out);
    for (const auto& what : out)
      h.add(what);
    if (!ok)
      h.errors.push_back(ok.error());
  }
  return true;
}

} // namespace tidemill::test
