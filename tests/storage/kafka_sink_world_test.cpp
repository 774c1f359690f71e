#include "tests/storage/kafka_sink_world.hpp"

#include "storage/kafka/handles.hpp"
#include "storage/kafka/kafka_client.hpp"
#include "storage/kafka/kafka_producer.hpp"
#include "storage/kafka/read_back.hpp"
#include "storage/kafka/writer_setup.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <cstdlib>
#include <unistd.h>

namespace tidemill::test {
namespace {

std::unique_ptr<kafka_client> connect() {
  auto made = kafka_client::make(
      {.brokers = {kafka_world::brokers()}, .client_id = {}, .properties = {}, .token_command = {}},
      scout_setup());
  REQUIRE(made.has_value());
  return std::move(*made);
}

kafka_event answer(kafka_queue& q) {
  kafka_event e{rd_kafka_queue_poll(q.get(), 20'000)};
  REQUIRE(e);
  INFO(rd_kafka_event_error_string(e.get()));
  REQUIRE(rd_kafka_event_error(e.get()) == RD_KAFKA_RESP_ERR_NO_ERROR);
  return e;
}

} // namespace

bool kafka_world::available() {
  if (!brokers().empty())
    return true;
  WARN("TIDEMILL_KAFKA_BROKERS is not set, see scripts/kafka: skipped");
  return false;
}

std::string kafka_world::brokers() {
  const auto* text = std::getenv("TIDEMILL_KAFKA_BROKERS");
  return text != nullptr ? text : "";
}

std::string kafka_world::make_topic(const std::string& stem, int partitions,
                                    const std::vector<std::pair<std::string, std::string>>& config) {
  static int count = 0;
  auto now = std::chrono::system_clock::now().time_since_epoch().count();
  auto name = stem + '-' + std::to_string(::getpid()) + '-' + std::to_string(count++) + '-' +
              std::to_string(now % 1'000'000'007);
  auto client = connect();
  std::array<char, 256> text{};
  std::unique_ptr<rd_kafka_NewTopic_t, kafka_deleter<rd_kafka_NewTopic_destroy>> topic{
      rd_kafka_NewTopic_new(name.c_str(), partitions, 1, text.data(), text.size())};
  for (const auto& [key, value] : config)
    rd_kafka_NewTopic_set_config(topic.get(), key.c_str(), value.c_str());
  kafka_queue q{rd_kafka_queue_new(client->handle())};
  auto* one = topic.get();
  rd_kafka_CreateTopics(client->handle(), &one, 1, nullptr, q.get());
  (void)answer(q);
  return name;
}

void kafka_world::delete_topic(const std::string& name) {
  auto client = connect();
  std::unique_ptr<rd_kafka_DeleteTopic_t, kafka_deleter<rd_kafka_DeleteTopic_destroy>> topic{
      rd_kafka_DeleteTopic_new(name.c_str())};
  kafka_queue q{rd_kafka_queue_new(client->handle())};
  auto* one = topic.get();
  rd_kafka_DeleteTopics(client->handle(), &one, 1, nullptr, q.get());
  (void)answer(q);
}

void kafka_world::forget_group(const std::string& name) {
  auto client = connect();
  std::unique_ptr<rd_kafka_DeleteGroup_t, kafka_deleter<rd_kafka_DeleteGroup_destroy>> group{
      rd_kafka_DeleteGroup_new(name.c_str())};
  kafka_queue q{rd_kafka_queue_new(client->handle())};
  auto* one = group.get();
  rd_kafka_DeleteGroups(client->handle(), &one, 1, nullptr, q.get());
  auto e = answer(q);
  std::size_t n = 0;
  const auto** groups = rd_kafka_DeleteGroups_result_groups(rd_kafka_event_DeleteGroups_result(e.get()), &n);
  REQUIRE(n == 1);
  REQUIRE(rd_kafka_group_result_error(groups[0]) == nullptr);
}

std::vector<committed_record> kafka_world::read(const std::string& topic, std::chrono::milliseconds wait) {
  using namespace std::chrono_literals;
  auto client = connect();
  auto about = ask_topic(*client, topic, 20s);
  REQUIRE(about.has_value());
  auto ranges = ask_ranges(*client, topic, about->partitions, 20s);
  REQUIRE(ranges.has_value());
  std::vector<committed_record> out;
  auto done =
      read_back_topic(settings(topic).client, "reader", topic, {ranges->begin(), ranges->end()}, wait,
                      [&](const read_back& r) {
                        committed_record c;
                        c.partition = r.partition;
                        c.key = r.key;
                        c.value = r.value;
                        for (const auto* name : {id_header, progress_header, "tidemill-view", "static"})
                          if (auto text = r.header(name))
                            c.headers[name] = *text;
                        out.push_back(std::move(c));
                      });
  INFO((done ? std::string{} : done.error().text()));
  REQUIRE(done.has_value());
  return out;
}

kafka_sink_settings kafka_world::settings(const std::string& topic, const std::string& name) {
  kafka_sink_settings s;
  s.pipeline = "test-" + topic; // a group of its own for each topic
  s.name = name;
  s.client.brokers = {brokers()};
  s.topic = topic;
  s.inputs = {{"clicks", 0, 3}};
  return s;
}

} // namespace tidemill::test
