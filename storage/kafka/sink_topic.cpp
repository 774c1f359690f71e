#include "storage/kafka/sink_topic.hpp"

#include "storage/kafka/handles.hpp"
#include "storage/kafka/kafka_errors.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <thread>

namespace tidemill {
namespace {

using clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds slice{500};

int milliseconds_until(clock::time_point end) {
  auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - clock::now()).count();
  return static_cast<int>(std::max<std::int64_t>(left, 1));
}

/// Why nobody answers, as far as the client knows.
error silence(kafka_client& client, std::string_view doing) {
  client.serve(std::chrono::milliseconds{0});
  if (auto known = client.state(); !known)
    return known.error();
  return {errc::unavailable, std::string{doing} + ": no answer from " + client.brokers()};
}

std::string asking_for(const std::string& topic) {
  return "asking for topic " + topic;
}

error no_topic(kafka_client& client, const std::string& topic) {
  return {errc::unavailable, "topic " + topic + " does not exist at " + client.brokers() +
                                 "; create it, and the sink goes on by itself"};
}

result<std::size_t> count_partitions(kafka_client& client, const std::string& topic, clock::time_point end) {
  kafka_topic handle{rd_kafka_topic_new(client.handle(), topic.c_str(), nullptr)};
  if (!handle)
    return kafka_error(rd_kafka_last_error(), asking_for(topic));
  for (;;) {
    const rd_kafka_metadata_t* answer = nullptr;
    auto wait = std::min(milliseconds_until(end), static_cast<int>(slice.count()));
    auto failed = rd_kafka_metadata(client.handle(), 0, handle.get(), &answer, wait);
    std::unique_ptr<const rd_kafka_metadata_t, kafka_deleter<rd_kafka_metadata_destroy>> owner{answer};
    client.serve(std::chrono::milliseconds{0});
    auto topic_error = failed == RD_KAFKA_RESP_ERR_NO_ERROR && answer->topic_cnt == 1
                           ? answer->topics[0].err
                           : RD_KAFKA_RESP_ERR_NO_ERROR;
    if (topic_error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
      return no_topic(client, topic);
    if (topic_error != RD_KAFKA_RESP_ERR_NO_ERROR && topic_error != RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE)
      return kafka_error(topic_error, asking_for(topic));
    if (failed == RD_KAFKA_RESP_ERR_NO_ERROR && answer->topic_cnt == 1 && answer->topics[0].partition_cnt > 0)
      return static_cast<std::size_t>(answer->topics[0].partition_cnt);
    if (auto known = client.state(); !known && known.error().code() != errc::unavailable)
      return known.error();
    if (clock::now() >= end)
      return silence(client, asking_for(topic));
  }
}

/// Waits for the answer to an admin request.
result<kafka_event> answer_of(kafka_client& client, rd_kafka_queue_t* queue, clock::time_point end,
                              const std::string& doing) {
  for (;;) {
    auto wait = std::min(milliseconds_until(end), static_cast<int>(slice.count()));
    kafka_event answer{rd_kafka_queue_poll(queue, wait)};
    client.serve(std::chrono::milliseconds{0});
    if (answer && rd_kafka_event_error(answer.get()) == RD_KAFKA_RESP_ERR_NO_ERROR)
      return answer;
    if (answer) {
      auto number = rd_kafka_event_error(answer.get());
      if (number == RD_KAFKA_RESP_ERR__TIMED_OUT || number == RD_KAFKA_RESP_ERR__TRANSPORT)
        return silence(client, doing);
      return error{kafka_code(number), doing + ": " + rd_kafka_event_error_string(answer.get())};
    }
    if (clock::now() >= end)
      return silence(client, doing);
  }
}

kafka_admin_options options_for(kafka_client& client, rd_kafka_admin_op_t op, clock::time_point end) {
  kafka_admin_options options{rd_kafka_AdminOptions_new(client.handle(), op)};
  std::array<char, 256> text{};
  rd_kafka_AdminOptions_set_request_timeout(options.get(), milliseconds_until(end), text.data(), text.size());
  return options;
}

/// `max.message.bytes`. Nothing if it is not told: it only makes batches small enough beforehand.
std::optional<std::size_t> ask_longest_batch(kafka_client& client, const std::string& topic,
                                             clock::time_point end) {
  auto options = options_for(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, end);
  std::unique_ptr<rd_kafka_ConfigResource_t, kafka_deleter<rd_kafka_ConfigResource_destroy>> of{
      rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str())};
  kafka_queue queue{rd_kafka_queue_new(client.handle())};
  auto* one = of.get();
  rd_kafka_DescribeConfigs(client.handle(), &one, 1, options.get(), queue.get());
  auto answer = answer_of(client, queue.get(), end, asking_for(topic));
  if (!answer)
    return {};
  std::size_t resources = 0;
  const auto** found = rd_kafka_DescribeConfigs_result_resources(
      rd_kafka_event_DescribeConfigs_result(answer->get()), &resources);
  if (resources != 1)
    return {};
  std::size_t entries = 0;
  const auto** all = rd_kafka_ConfigResource_configs(found[0], &entries);
  for (std::size_t i = 0; i < entries; ++i) {
    const auto* value = rd_kafka_ConfigEntry_value(all[i]);
    if (std::string_view{rd_kafka_ConfigEntry_name(all[i])} != "max.message.bytes" || value == nullptr)
      continue;
    std::size_t bytes = 0;
    std::from_chars(value, value + std::strlen(value), bytes);
    return bytes > 0 ? std::optional{bytes} : std::nullopt;
  }
  return {};
}

/// The offsets themselves mean nothing: tools show 0.
kafka_partitions metadata_offsets(const std::string& topic, const std::vector<std::string>& texts) {
  auto out = make_kafka_partitions(texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    auto* p = rd_kafka_topic_partition_list_add(out.get(), topic.c_str(), static_cast<std::int32_t>(i));
    p->offset = 0;
    p->metadata = std::malloc(texts[i].size()); // the list frees it
    p->metadata_size = texts[i].size();
    std::memcpy(p->metadata, texts[i].data(), texts[i].size());
  }
  return out;
}

/// The texts of a group's answer, by partition. True: some are of a transaction under way.
result<bool> take_texts(const rd_kafka_topic_partition_list_t& list, const std::string& doing,
                        std::vector<std::string>& texts) {
  auto pending = false;
  for (int i = 0; i < list.cnt; ++i) {
    const auto& p = list.elems[i];
    if (p.err == RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT)
      pending = true;
    else if (p.err != RD_KAFKA_RESP_ERR_NO_ERROR)
      return kafka_error(p.err, doing);
    else if (p.partition >= 0 && static_cast<std::size_t>(p.partition) < texts.size() &&
             p.metadata != nullptr)
      texts[static_cast<std::size_t>(p.partition)].assign(static_cast<const char*>(p.metadata),
                                                          p.metadata_size);
  }
  return pending;
}

/// Nothing: not now, ask again.
result<std::optional<std::vector<std::string>>> ask_metadata(kafka_client& group, const std::string& topic,
                                                             std::size_t partitions,
                                                             std::chrono::milliseconds wait,
                                                             const std::string& doing) {
  auto list = make_kafka_partitions(partitions);
  for (std::size_t i = 0; i < partitions; ++i)
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), static_cast<std::int32_t>(i));
  auto failed = rd_kafka_committed(group.handle(), list.get(), static_cast<int>(wait.count()));
  group.serve(std::chrono::milliseconds{0});
  std::optional<std::vector<std::string>> out;
  if (failed == RD_KAFKA_RESP_ERR_NO_ERROR) {
    std::vector<std::string> texts(partitions);
    TIDEMILL_TRY(auto pending, take_texts(*list, doing, texts));
    if (!pending)
      out = std::move(texts);
    return out;
  }
  if (auto known = group.state(); !known && known.error().code() != errc::unavailable)
    return known.error();
  if (failed != RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT && kafka_code(failed) != errc::unavailable)
    return kafka_error(failed, doing);
  return out;
}

} // namespace

result<sink_topic> ask_topic(kafka_client& client, const std::string& topic,
                             std::chrono::milliseconds patience) {
  auto end = clock::now() + patience;
  TIDEMILL_TRY(auto partitions, count_partitions(client, topic, end));
  return sink_topic{partitions, ask_longest_batch(client, topic, end)};
}

// Not by the admin interface: with requests to a coordinator the library ends the whole process if the
// connection breaks at a bad moment (librdkafka #4605, #5040).
kafka_client::setup notes_setup(const std::string& group, pending_transactions pending) {
  auto wait = pending == pending_transactions::wait;
  return {.of = kafka_client::kind::consumer,
          .defaults = {},
          .forced = {{"group.id", group},
                     {"enable.auto.commit", "false"},
                     {"isolation.level", wait ? "read_committed" : "read_uncommitted"}}};
}

result<std::vector<std::string>> read_metadata(kafka_client& group, const std::string& name,
                                               const std::string& topic, std::size_t partitions,
                                               std::chrono::milliseconds patience) {
  auto doing = "reading the progress of group " + name;
  for (auto end = clock::now() + patience;;) {
    auto wait = std::min(std::chrono::milliseconds{milliseconds_until(end)}, slice);
    TIDEMILL_TRY(auto texts, ask_metadata(group, topic, partitions, wait, doing));
    if (texts)
      return std::move(*texts);
    if (clock::now() >= end)
      return group.up() ? error{errc::unavailable, doing + ": a transaction is still under way"}
                        : silence(group, doing);
    std::this_thread::sleep_for(std::chrono::milliseconds{10}); // its markers are being written
  }
}

status write_metadata(kafka_client& group, const std::string& name, const std::string& topic,
                      const std::vector<std::string>& texts, std::chrono::milliseconds patience) {
  auto doing = "committing the progress of group " + name;
  auto end = clock::now() + patience;
  auto offsets = metadata_offsets(topic, texts);
  kafka_queue queue{rd_kafka_queue_new(group.handle())};
  if (auto failed = rd_kafka_commit_queue(group.handle(), offsets.get(), queue.get(), nullptr, nullptr))
    return kafka_error(failed, doing);
  TIDEMILL_TRY(auto answer, answer_of(group, queue.get(), end, doing));
  const auto* list = rd_kafka_event_topic_partition_list(answer.get());
  for (int i = 0; list != nullptr && i < list->cnt; ++i)
    if (list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR)
      return kafka_error(list->elems[i].err, doing);
  return {};
}

rd_kafka_error_s* send_metadata(kafka_client& client, const std::string& group, const std::string& topic,
                                const std::vector<std::string>& texts, std::chrono::milliseconds patience) {
  auto offsets = metadata_offsets(topic, texts);
  std::unique_ptr<rd_kafka_consumer_group_metadata_t, kafka_deleter<rd_kafka_consumer_group_metadata_destroy>>
      of{rd_kafka_consumer_group_metadata_new(group.c_str())};
  return rd_kafka_send_offsets_to_transaction(client.handle(), offsets.get(), of.get(),
                                              static_cast<int>(patience.count()));
}

} // namespace tidemill
