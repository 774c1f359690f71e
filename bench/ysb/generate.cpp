// ysb_generate: writes the events of the Yahoo Streaming Benchmark to a topic or to files, the table of its
// campaigns, and what a correct answer is.
//
//   ysb_generate --out FOLDER [--events N] [--seed N] [--spacing-us N] [--skew] [--campaigns N] [--partitions
//   N]
//                [--brokers HOST:PORT --topic NAME [--slow-rate N --slow-seconds N] | --files]
//
// Event n goes to partition n modulo the number of partitions, so each partition is in order (but for
// --skew). With --slow-rate the last partition is written after all others, which is said in a line: at so
// many events a second for the time given, then without a brake.

#include "bench/ysb/arguments.hpp"
#include "bench/ysb/events.hpp"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace tidemill;

// Where events go.
class target {
public:
  virtual ~target() = default;
  virtual void put(int partition, std::string_view event) = 0;
  virtual void finish() = 0;
};

class files final : public target {
public:
  files(const std::string& folder, int partitions) {
    for (int p = 0; p < partitions; ++p)
      out_.emplace_back(folder + "/events." + std::to_string(p) + ".ndjson", std::ios::trunc);
  }

  void put(int partition, std::string_view event) override {
    out_[static_cast<std::size_t>(partition)] << event << '\n';
  }

  void finish() override {
    for (auto& file : out_)
      if (!file.flush())
        give_up("the events could not be written");
  }

private:
  std::vector<std::ofstream> out_;
};

class topic final : public target {
public:
  topic(const std::string& brokers, const std::string& name) {
    auto* conf = rd_kafka_conf_new();
    // Each event exactly once and in order, or the expected counts would be wrong.
    set(conf, "enable.idempotence", "true");
    set(conf, "bootstrap.servers", brokers);
    set(conf, "linger.ms", "50");
    set(conf, "batch.num.messages", "20000");
    set(conf, "queue.buffering.max.messages", "400000");
    rd_kafka_conf_set_opaque(conf, this);
    rd_kafka_conf_set_dr_msg_cb(conf, [](rd_kafka_t*, const rd_kafka_message_t* message, void* self) {
      static_cast<topic*>(self)->failed_ += message->err != RD_KAFKA_RESP_ERR_NO_ERROR;
    });
    char why[512];
    client_.reset(rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why));
    if (!client_)
      give_up(why);
    topic_.reset(rd_kafka_topic_new(client_.get(), name.c_str(), nullptr));
  }

  void put(int partition, std::string_view event) override {
    // The copy flag makes the client copy, it does not write to the event.
    auto* bytes = const_cast<char*>(event.data());
    while (rd_kafka_produce(topic_.get(), partition, RD_KAFKA_MSG_F_COPY, bytes, event.size(), nullptr, 0,
                            nullptr) != 0) {
      if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL)
        give_up(std::string{"produce: "} + rd_kafka_err2str(rd_kafka_last_error()));
      rd_kafka_poll(client_.get(), 100);
    }
    if (++put_ % 1024 == 0)
      rd_kafka_poll(client_.get(), 0);
  }

  void finish() override {
    auto left = rd_kafka_flush(client_.get(), 120'000);
    if (left != RD_KAFKA_RESP_ERR_NO_ERROR || failed_ != 0)
      give_up("the broker did not take all events: " + std::to_string(failed_) + " failed; " +
              rd_kafka_err2str(left));
  }

private:
  static void set(rd_kafka_conf_t* conf, const char* name, const std::string& value) {
    char why[512];
    if (rd_kafka_conf_set(conf, name, value.c_str(), why, sizeof why) != RD_KAFKA_CONF_OK)
      give_up(why);
  }

  struct ends_client {
    void operator()(rd_kafka_t* client) const { rd_kafka_destroy(client); }
  };
  struct ends_topic {
    void operator()(rd_kafka_topic_t* t) const { rd_kafka_topic_destroy(t); }
  };
  std::unique_ptr<rd_kafka_t, ends_client> client_;
  std::unique_ptr<rd_kafka_topic_t, ends_topic> topic_;
  std::uint64_t put_ = 0;
  std::uint64_t failed_ = 0;
};

/// Not faster than so many events a second, until the time is up.
class brake {
public:
  brake(std::int64_t rate, std::int64_t duration)
      : rate_(rate), until_(begin_ + std::chrono::seconds{duration}) {}

  void pass() {
    if (++passed_ % 64 != 0 || clock::now() >= until_)
      return;
    std::this_thread::sleep_until(std::min(until_, begin_ + std::chrono::seconds{passed_} / rate_));
  }

private:
  using clock = std::chrono::steady_clock;
  std::int64_t rate_, passed_ = 0;
  clock::time_point begin_ = clock::now(), until_;
};

void write(const std::string& path, const std::string& text) {
  std::ofstream out{path, std::ios::trunc};
  if (!(out << text).flush())
    give_up(path + " could not be written");
}

} // namespace

int main(int argc, char** argv) {
  arguments given{argc, argv};
  ysb_settings settings;
  auto events = given.number("--events", 20'000'000);
  auto partitions = static_cast<int>(given.number("--partitions", 4));
  auto folder = given.text("--out", ".");
  auto brokers = given.text("--brokers", "127.0.0.1:9092");
  auto name = given.text("--topic", "ad-events");
  auto to_files = given.flag("--files");
  auto slow_rate = given.number("--slow-rate", 0);
  auto slow_seconds = given.number("--slow-seconds", 60);
  settings.seed = static_cast<std::uint64_t>(given.number("--seed", 1));
  settings.spacing_us = given.number("--spacing-us", settings.spacing_us);
  settings.campaigns = static_cast<int>(given.number("--campaigns", settings.campaigns));
  settings.skew = given.flag("--skew");
  given.done();
  if (partitions < 1 || settings.campaigns < 1 || settings.campaigns > 1'000'000)
    give_up("--partitions: at least 1; --campaigns: 1 to 1000000");

  std::unique_ptr<target> out;
  if (to_files)
    out = std::make_unique<files>(folder, partitions);
  else
    out = std::make_unique<topic>(brokers, name);
  auto begin = std::chrono::steady_clock::now();
  ysb_events source{settings};
  std::uint64_t bytes = 0;
  for (std::int64_t n = 0; n < events; ++n) {
    auto event = source.next();
    bytes += event.size();
    if (slow_rate == 0 || n % partitions != partitions - 1)
      out->put(static_cast<int>(n % partitions), event);
  }
  out->finish();
  if (slow_rate > 0) {
    std::puts("all partitions but the last one are written");
    std::fflush(stdout);
    ysb_events again{settings};
    brake limit{slow_rate, slow_seconds};
    for (std::int64_t n = 0; n < events; ++n)
      if (auto event = again.next(); n % partitions == partitions - 1) {
        limit.pass();
        out->put(partitions - 1, event);
      }
    out->finish();
  }
  std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  write(folder + "/campaigns.csv", source.campaigns_csv());
  write(folder + "/expected.csv", source.expected_csv());
  std::printf(R"({"events": %lld, "bytes": %llu, "views": %llu, "newest_ms": %lld, "seconds": %.3f})"
              "\n",
              static_cast<long long>(events), static_cast<unsigned long long>(bytes),
              static_cast<unsigned long long>(source.views()), static_cast<long long>(source.newest_ms()),
              took.count());
}
