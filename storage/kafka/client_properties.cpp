#include "storage/kafka/client_properties.hpp"

#include "storage/kafka/handles.hpp"

#include <algorithm>
#include <array>

namespace tidemill {
namespace {

constexpr std::string_view ours = "this is set by us";
constexpr std::string_view by_checkpoint = "offsets are committed when a checkpoint is stored, and only then";
constexpr std::string_view by_memory = "how much is fetched ahead follows from the memory budget";
constexpr std::string_view by_library = "it is for programs that use the library themselves";
constexpr std::string_view by_transaction = "records could be lost, doubled or reordered";

std::vector<reserved_property> shared_properties() {
  return {{"bootstrap.servers", ours, "write brokers: [host:port]"},
          {"metadata.broker.list", ours, "write brokers: [host:port]"},
          {"debug", "the library's log is not shown", ""},
          {"log_level", "the library's log is not shown", ""},
          {"log.queue", by_library, ""},
          {"log.connection.close", "the library's log is not shown", ""},
          {"statistics.interval.ms", "nobody reads them; see tidemill_source_… in /metrics", ""},
          {"enabled_events", by_library, ""},
          {"internal.termination.signal", "it would disturb the process's own signals", ""},
          {"allow.auto.create.topics", "a mistyped name is said, not made a topic", "create the topic"},
          {"test.mock.num.brokers", by_library, ""}};
}

std::vector<reserved_property> source_properties() {
  return {
      {"group.id", ours, "write group: name"},
      {"group.instance.id", "it is how a process takes the place of an earlier one, and fences it", ""},
      {"group.protocol.type", by_library, ""},
      {"partition.assignment.strategy",
       "partitions must move one by one: a worker saves before its partition goes", ""},
      {"enable.auto.commit", by_checkpoint, ""},
      {"auto.commit.enable", by_checkpoint, ""},
      {"auto.commit.interval.ms", by_checkpoint, "set engine.checkpoint"},
      {"enable.auto.offset.store", by_checkpoint, ""},
      {"offset.store.method", by_checkpoint, ""},
      {"offset.store.path", by_checkpoint, ""},
      {"offset.store.sync.interval.ms", by_checkpoint, ""},
      {"auto.offset.reset", "a reset would skip records, or count them twice, without a word",
       "write start: earliest, and on_gap: continue to pass over records that are gone"},
      {"isolation.level", ours, "write isolation: read_uncommitted"},
      {"enable.partition.eof", by_library, ""},
      {"topic.blacklist", "it would hide partitions from their workers", "say it in the pattern of topics"},
      {"check.crcs", "damaged records would be counted", ""},
      {"queued.min.messages", by_memory, "write read_ahead: 128MiB"},
      {"queued.max.messages.kbytes", by_memory, "write read_ahead: 128MiB"},
      {"fetch.message.max.bytes", by_memory, "write read_ahead: 128MiB"},
      {"max.partition.fetch.bytes", by_memory, "write read_ahead: 128MiB"},
      {"fetch.max.bytes", by_memory, "write read_ahead: 128MiB"},
      {"consume.callback.max.messages", by_library, ""},
      {"transactional.id", "a source writes nothing", ""}};
}

std::vector<reserved_property> sink_properties() {
  return {{"transactional.id", "it is how a process takes the place of an earlier one, and fences it", ""},
          {"enable.idempotence", by_transaction, "write delivery: at_least_once if that is meant"},
          {"enable.gapless.guarantee", by_transaction, ""},
          {"acks", by_transaction, ""},
          {"request.required.acks", by_transaction, ""},
          {"max.in.flight", by_transaction, ""},
          {"max.in.flight.requests.per.connection", by_transaction, ""},
          {"message.send.max.retries", by_transaction, ""},
          {"retries", by_transaction, ""},
          {"message.timeout.ms", "a record waits for its broker, however long", ""},
          {"delivery.timeout.ms", "a record waits for its broker, however long", ""},
          {"message.max.bytes", "the topic's max.message.bytes decides", ""},
          {"queuing.strategy", by_transaction, ""},
          {"delivery.report.only.error", by_library, ""},
          {"produce.offset.report", by_library, ""},
          {"group.id", "a sink reads nothing", ""},
          {"group.instance.id", "a sink reads nothing", ""}};
}

// The library quotes values in some of its texts.
std::string without_value(std::string text, const std::string& value) {
  for (std::size_t at = 0; value.size() > 1 && (at = text.find(value, at)) != std::string::npos; at += 3)
    text.replace(at, value.size(), "…");
  return text;
}

} // namespace

const std::vector<reserved_property>& reserved_properties(kafka_role role) {
  auto with_shared = [](std::vector<reserved_property> own) {
    auto all = shared_properties();
    all.insert(all.end(), own.begin(), own.end());
    return all;
  };
  static const auto source = with_shared(source_properties()), sink = with_shared(sink_properties());
  return role == kafka_role::source ? source : sink;
}

std::optional<property_fault> check_client_property(kafka_role role, const std::string& name,
                                                    const std::string& value) {
  const auto& reserved = reserved_properties(role);
  auto found = std::find_if(reserved.begin(), reserved.end(), [&](const auto& r) { return r.name == name; });
  if (found != reserved.end())
    return property_fault{name + " can't be set: " + std::string{found->reason}, std::string{found->instead}};
  kafka_conf scratch{rd_kafka_conf_new()};
  std::array<char, 512> text{};
  switch (rd_kafka_conf_set(scratch.get(), name.c_str(), value.c_str(), text.data(), text.size())) {
  case RD_KAFKA_CONF_UNKNOWN:
    return property_fault{"the Kafka client library (librdkafka " + std::string{rd_kafka_version_str()} +
                              ") knows no property " + name,
                          "its properties are in CONFIGURATION.md of librdkafka"};
  case RD_KAFKA_CONF_INVALID:
    return property_fault{name + " doesn't take this value: " + without_value(text.data(), value), ""};
  default:
    return std::nullopt;
  }
}

} // namespace tidemill
