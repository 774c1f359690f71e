// ysb_raw, ysb_raw_tuned: read a topic with librdkafka and count messages and bytes, nothing else. What a
// program over librdkafka can't be cheaper than.
//
//   ysb_raw --as-shipped | --tuned  --events N [--brokers HOST:PORT] [--topic NAME] [--group NAME] [--set
//   NAME=VALUE]
//
// As shipped: `rd_kafka_consumer_poll` with default settings. Tuned: a callback per message without a hop
// between threads, large fetches; ysb_raw_tuned also has jemalloc linked in.

#include "bench/ysb/arguments.hpp"

#include <librdkafka/rdkafka.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

namespace {

using namespace tidemill;
using steady = std::chrono::steady_clock;

constexpr auto patience = std::chrono::seconds{60};

struct counts {
  std::uint64_t events = 0;
  std::uint64_t bytes = 0;
};

void set(rd_kafka_conf_t* conf, const char* name, const char* value) {
  char why[512];
  if (rd_kafka_conf_set(conf, name, value, why, sizeof why) != RD_KAFKA_CONF_OK)
    give_up(why);
}

void tune(rd_kafka_conf_t* conf) {
  // Answers of a size that stays in the cache and is allocated again and again: with 4 MiB per partition, two
  // thirds of the CPU went into page faults.
  set(conf, "fetch.message.max.bytes", "524288");
  set(conf, "fetch.max.bytes", "2097152");
  set(conf, "fetch.min.bytes", "524288");
  set(conf, "fetch.wait.max.ms", "20");
  set(conf, "check.crcs", "false");
  // A queue that reaches its limit is not fetched again for a second.
  set(conf, "queued.min.messages", "1000000");
  set(conf, "queued.max.messages.kbytes", "1000000");
}

void take(counts& to, const rd_kafka_message_t* message) {
  if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
    ++to.events;
    to.bytes += message->len;
  } else if (message->err != RD_KAFKA_RESP_ERR__TRANSPORT) { // the client reconnects by itself
    give_up(std::string{"consume: "} + rd_kafka_message_errstr(message));
  }
}

// Ends once `wanted` events were read, or none came for too long.
template <class Step>
void read(const counts& seen, std::uint64_t wanted, Step step) {
  auto last = steady::now();
  while (seen.events < wanted) {
    auto before = seen.events;
    step();
    if (seen.events != before)
      last = steady::now();
    else if (steady::now() - last > patience)
      give_up("no events for a minute; " + std::to_string(seen.events) + " of " + std::to_string(wanted) +
              " were read");
  }
}

void read_as_shipped(rd_kafka_t* client, counts& seen, std::uint64_t wanted) {
  read(seen, wanted, [&] {
    if (auto* message = rd_kafka_consumer_poll(client, 100)) {
      take(seen, message);
      rd_kafka_message_destroy(message);
    }
  });
}

void read_tuned(rd_kafka_t* client, counts& seen, std::uint64_t wanted) {
  auto* queue = rd_kafka_queue_get_consumer(client);
  auto called = [](rd_kafka_message_t* message, void* to) { take(*static_cast<counts*>(to), message); };
  read(seen, wanted, [&] { rd_kafka_consume_callback_queue(queue, 100, called, &seen); });
  rd_kafka_queue_destroy(queue);
}

double seconds(const timeval& t) {
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
}

} // namespace

int main(int argc, char** argv) {
  arguments given{argc, argv};
  auto tuned = given.flag("--tuned");
  if (given.flag("--as-shipped") == tuned)
    give_up("one of --as-shipped and --tuned is needed");
  auto wanted = static_cast<std::uint64_t>(given.number("--events", 20'000'000));
  auto name = given.text("--topic", "ad-events");
  auto* conf = rd_kafka_conf_new();
  set(conf, "bootstrap.servers", given.text("--brokers", "127.0.0.1:9092").c_str());
  set(conf, "group.id", given.text("--group", "ysb_raw").c_str());
  set(conf, "auto.offset.reset", "earliest");
  set(conf, "enable.auto.commit", "false"); // each run reads all
  if (tuned)
    tune(conf);
  for (auto more = given.text("--set", ""); !more.empty(); more = given.text("--set", "")) {
    auto at = std::min(more.find('='), more.size() - 1);
    set(conf, more.substr(0, at).c_str(), more.substr(at + 1).c_str());
  }
  given.done();

  auto begin = steady::now();
  char why[512];
  auto* client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
  if (client == nullptr)
    give_up(why);
  rd_kafka_poll_set_consumer(client);
  auto* topics = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(topics, name.c_str(), RD_KAFKA_PARTITION_UA);
  if (auto fault = rd_kafka_subscribe(client, topics); fault != RD_KAFKA_RESP_ERR_NO_ERROR)
    give_up(std::string{"subscribe: "} + rd_kafka_err2str(fault));
  rd_kafka_topic_partition_list_destroy(topics);
  counts seen;
  if (tuned)
    read_tuned(client, seen, wanted);
  else
    read_as_shipped(client, seen, wanted);
  rd_kafka_consumer_close(client);
  rd_kafka_destroy(client);

  std::chrono::duration<double> took = steady::now() - begin;
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  std::printf(R"({"events": %llu, "bytes": %llu, "wall": %.3f, "cpu": %.3f, "rss_mib": %.1f})"
              "\n",
              static_cast<unsigned long long>(seen.events), static_cast<unsigned long long>(seen.bytes),
              took.count(), seconds(used.ru_utime) + seconds(used.ru_stime),
              static_cast<double>(used.ru_maxrss) / 1024);
}
