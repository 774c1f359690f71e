#include "storage/kafka/writer_setup.hpp"

#include "storage/kafka/handles.hpp"
#include "storage/kafka/kafka_errors.hpp"

#include <algorithm>

namespace tidemill {
namespace {

constexpr std::size_t usual_batch = 1'000'000;
constexpr std::size_t default_longest_batch = 1'048'588; // of brokers
constexpr std::size_t batch_overhead = 512;
constexpr std::size_t shown_key = 120;

std::string header_text(const rd_kafka_message_t* m, const char* name) {
  rd_kafka_headers_t* headers = nullptr;
  const void* value = nullptr;
  std::size_t length = 0;
  if (rd_kafka_message_headers(m, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
      rd_kafka_header_get_last(headers, name, &value, &length) != RD_KAFKA_RESP_ERR_NO_ERROR)
    return {};
  return {static_cast<const char*>(value), length};
}

std::string name_of(std::string_view id, const std::optional<std::string>& key) {
  if (!id.empty())
    return "event " + std::string{id};
  return key ? "the record of key " + key->substr(0, shown_key) : "a record";
}

} // namespace

kafka_client::setup scout_setup() {
  return {.of = kafka_client::kind::producer, .defaults = {}, .forced = {}};
}

kafka_client::setup writer_setup(const kafka_sink_settings& s, const sink_topic& topic, void* owner,
                                 delivery_callback failed) {
  auto longest = std::max(topic.longest_batch.value_or(default_longest_batch), 2 * batch_overhead);
  kafka_client::setup how{
      .of = kafka_client::kind::producer,
      .defaults = {{"linger.ms", std::to_string(s.linger.count())},
                   {"compression.type", s.compression},
                   {"partitioner", s.partitioner},
                   {"queue.buffering.max.kbytes", std::to_string(std::max<std::size_t>(s.buffer / 1024, 1))},
                   {"queue.buffering.max.messages", "500000"},
                   // A commit is a few short requests in a row.
                   {"socket.nagle.disable", "true"},
                   {"batch.size", std::to_string(std::min(usual_batch, longest - batch_overhead))}},
      // The broker judges single records: it knows their compressed size.
      .forced = {{"message.max.bytes", "1000000000"},
                 {"enable.idempotence", "true"},
                 {"delivery.report.only.error", "true"}},
      .callbacks = [failed](rd_kafka_conf_s* conf) { rd_kafka_conf_set_dr_msg_cb(conf, failed); },
      .owner = owner};
  if (s.delivery == kafka_sink_settings::guarantee::exactly_once)
    how.forced["transactional.id"] = s.writer_id();
  else
    how.forced["message.timeout.ms"] = "0"; // they wait for their broker, however long
  return how;
}

error record_too_large(const kafka_sink_settings& s, const sink_topic& topic, std::string_view id,
                       const std::optional<std::string>& key, std::size_t bytes) {
  auto limit = topic.longest_batch ? " of " + std::to_string(*topic.longest_batch) : std::string{};
  return {errc::event_too_large, "topic " + s.topic + ": " + name_of(id, key) + " of " +
                                     std::to_string(bytes) +
                                     " bytes is larger than the topic's max.message.bytes" + limit +
                                     "; raise it and start again, or filter such events out"};
}

error not_delivered(const kafka_sink_settings& s, const sink_topic& topic, const rd_kafka_message_s* m) {
  std::optional<std::string> key;
  if (m->key != nullptr)
    key.emplace(static_cast<const char*>(m->key), m->key_len);
  auto id = header_text(m, id_header);
  switch (m->err) {
  case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
  case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    return record_too_large(s, topic, id, key, m->len);
  case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    return {errc::refused, "topic " + s.topic + ": the broker does not accept " + name_of(id, key) +
                               "; a compacted topic (cleanup.policy=compact) wants records with keys"};
  case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
  case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
  case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    return {errc::unavailable, "topic " + s.topic + " does not exist any more"};
  default: {
    auto e = kafka_error(m->err, "topic " + s.topic + ": writing " + name_of(id, key));
    return e.code() == errc::fenced ? error{errc::unavailable, e.text()} : e;
  }
  }
}

} // namespace tidemill
