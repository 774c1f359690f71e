// Nanoseconds of processor time, of the whole process, for each record of a topic: read to its end by our own
// fetch path, by the fetcher over the client library, and by the client library alone, which only counts
// bytes. Rounds take turns; all must see the same records. The broker is at rest otherwise.
//
//     fetch_bench BROKERS TOPIC PARTITIONS [ROUNDS] [wire|client|raw …]

#include "storage/kafka/client_fetcher.hpp"
#include "storage/kafka/wire_fetcher.hpp"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <map>

namespace {

using namespace tidemill;
using std::chrono::milliseconds;

struct seen {
  std::uint64_t records = 0, bytes = 0;
  friend bool operator==(const seen&, const seen&) = default;
};
struct task {
  std::string brokers, topic;
  std::uint32_t partitions = 0;
};

/// Nothing more comes.
constexpr milliseconds quiet{500};

double cpu_seconds() {
  timespec t{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

seen read_all(const task& t, fetcher& from) {
  std::vector<partition_id> all;
  for (std::uint32_t p = 0; p < t.partitions; ++p) {
    all.push_back(static_cast<partition_id>(p));
    if (!from.seek(all.back(), {t.topic, static_cast<std::int32_t>(p)}, 0))
      std::exit(1);
  }
  seen s;
  std::vector<polled> out;
  auto last = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - last < quiet || s.records == 0) {
    out.clear();
    if (auto done = from.poll(all, 256u << 10, milliseconds{100}, out); !done)
      std::fprintf(stderr, "%s\n", done.error().text().c_str());
    for (const auto& what : out) {
      if (const auto* halted = std::get_if<polled_halted>(&what))
        std::fprintf(stderr, "%s\n", halted->why.c_str());
      if (!std::holds_alternative<record_batch_ptr>(what))
        continue;
      last = std::chrono::steady_clock::now();
      for (const auto& r : std::get<record_batch_ptr>(what)->records) {
        ++s.records;
        s.bytes += r.bytes.size();
      }
    }
  }
  return s;
}

seen by_wire(const task& t) {
  return read_all(t, *make_wire_fetcher({t.brokers}, "fetch_bench", {}));
}

seen by_client(const task& t) {
  kafka_client_settings client;
  client.brokers = {t.brokers};
  client.client_id = "fetch_bench";
  auto f = make_client_fetcher(client, {}, t.partitions);
  if (!f)
    std::exit(1);
  return read_all(t, **f);
}

seen by_library(const task& t) {
  char text[512];
  auto* conf = rd_kafka_conf_new();
  for (auto [name, value] : {std::pair{"bootstrap.servers", t.brokers.c_str()},
                             {"check.crcs", "true"},
                             {"queued.min.messages", "1000000"},
                             {"queued.max.messages.kbytes", "1000000"},
                             {"fetch.message.max.bytes", "4000000"}})
    if (rd_kafka_conf_set(conf, name, value, text, sizeof text) != RD_KAFKA_CONF_OK)
      std::exit(1);
  auto* client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
  auto* topic = rd_kafka_topic_new(client, t.topic.c_str(), nullptr);
  auto* queue = rd_kafka_queue_new(client);
  for (std::uint32_t p = 0; p < t.partitions; ++p)
    rd_kafka_consume_start_queue(topic, static_cast<std::int32_t>(p), 0, queue);
  seen s;
  auto count = [](rd_kafka_message_t* m, void* to) {
    if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      ++static_cast<seen*>(to)->records;
      static_cast<seen*>(to)->bytes += m->len;
    }
  };
  for (auto last = std::chrono::steady_clock::now();
       std::chrono::steady_clock::now() - last < quiet || s.records == 0;) {
    auto before = s.records;
    rd_kafka_consume_callback_queue(queue, 100, count, &s);
    if (s.records != before)
      last = std::chrono::steady_clock::now();
  }
  for (std::uint32_t p = 0; p < t.partitions; ++p)
    rd_kafka_consume_stop(topic, static_cast<std::int32_t>(p));
  rd_kafka_queue_destroy(queue);
  rd_kafka_topic_destroy(topic);
  rd_kafka_destroy(client);
  return s;
}

} // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: fetch_bench BROKERS TOPIC PARTITIONS [ROUNDS] [wire|client|raw ...]\n");
    return 64;
  }
  task t{argv[1], argv[2], static_cast<std::uint32_t>(std::atoi(argv[3]))};
  auto rounds = argc > 4 ? std::atoi(argv[4]) : 3;
  std::vector<std::string> who(argv + std::min(argc, 5), argv + argc);
  if (who.empty())
    who = {"wire", "client", "raw"};
  std::map<std::string, std::vector<double>> figures;
  seen first;
  for (int round = 0; round < rounds; ++round) {
    for (const auto& name : who) {
      auto before = cpu_seconds();
      auto began = std::chrono::steady_clock::now();
      auto s = name == "wire" ? by_wire(t) : name == "client" ? by_client(t) : by_library(t);
      auto wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - began - quiet).count();
      auto ns = 1e9 * (cpu_seconds() - before) / static_cast<double>(s.records);
      figures[name].push_back(ns);
      std::printf("%-7s %9llu records %11llu bytes  %6.1f ns a record  %5.2f s\n", name.c_str(),
                  static_cast<unsigned long long>(s.records), static_cast<unsigned long long>(s.bytes), ns,
                  wall);
      if (first.records == 0)
        first = s;
      if (s != first) {
        std::fprintf(stderr, "%s has seen other records\n", name.c_str());
        return 1;
      }
    }
  }
  for (auto& [name, all] : figures) {
    std::ranges::sort(all);
    std::printf("%-7s median %6.1f  best %6.1f\n", name.c_str(), all[all.size() / 2], all.front());
  }
}
