#include "storage/kafka/read_back.hpp"

#include "storage/kafka/handles.hpp"
#include "storage/kafka/kafka_errors.hpp"

#include <algorithm>

namespace tidemill {
namespace {

using clock = std::chrono::steady_clock;

std::optional<std::string_view> header_of(const rd_kafka_message_t* m, const std::string& name) {
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(m, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
    return {};
  const void* value = nullptr;
  std::size_t length = 0;
  if (rd_kafka_header_get_last(headers, name.c_str(), &value, &length) != RD_KAFKA_RESP_ERR_NO_ERROR ||
      value == nullptr)
    return {};
  return std::string_view{static_cast<const char*>(value), length};
}

void show(const rd_kafka_message_t* m, const read_back_visitor& visit) {
  read_back out{.partition = m->partition, .key = {}, .value = {}, .header = [m](const std::string& name) {
                  return header_of(m, name);
                }};
  if (m->key != nullptr)
    out.key = std::string_view{static_cast<const char*>(m->key), m->key_len};
  if (m->payload != nullptr)
    out.value = std::string_view{static_cast<const char*>(m->payload), m->len};
  visit(out);
}

error stuck(kafka_client& client, const std::string& doing) {
  if (auto known = client.state(); !known)
    return known.error();
  return {errc::unavailable,
          doing + ": " + client.brokers() +
              " does not answer, or another program's transaction has been open in it for long"};
}

kafka_client::setup reader_setup(const std::string& writer) {
  return {.of = kafka_client::kind::consumer,
          .defaults = {},
          .forced = {{"group.id", writer},
                     {"enable.auto.commit", "false"},
                     {"enable.auto.offset.store", "false"},
                     {"isolation.level", "read_committed"},
                     {"auto.offset.reset", "earliest"},
                     {"enable.partition.eof", "true"},
                     {"fetch.wait.max.ms", "50"},
                     {"queued.max.messages.kbytes", "16384"}}};
}

} // namespace

result<std::vector<topic_range>> ask_ranges(kafka_client& client, const std::string& topic,
                                            std::size_t partitions, std::chrono::milliseconds patience) {
  auto end = clock::now() + patience;
  std::vector<topic_range> out(partitions);
  for (std::size_t p = 0; p < partitions;) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - clock::now());
    auto failed = rd_kafka_query_watermark_offsets(client.handle(), topic.c_str(),
                                                   static_cast<std::int32_t>(p), &out[p].first, &out[p].next,
                                                   std::max(static_cast<int>(left.count()), 100));
    client.serve(std::chrono::milliseconds{0});
    if (failed == RD_KAFKA_RESP_ERR_NO_ERROR)
      ++p;
    else if (kafka_code(failed) == errc::refused || clock::now() > end)
      return kafka_error(failed,
                         "asking for the ends of topic " + topic + ", partition " + std::to_string(p));
    else
      client.serve(std::chrono::milliseconds{20}); // a leader is being elected
  }
  return out;
}

status read_back_topic(const kafka_client_settings& s, const std::string& writer, const std::string& topic,
                       const std::vector<std::optional<topic_range>>& ranges,
                       std::chrono::milliseconds patience, const read_back_visitor& visit) {
  auto doing = "reading back topic " + topic;
  TIDEMILL_TRY(auto client, kafka_client::make(s, reader_setup(writer)));
  rd_kafka_poll_set_consumer(client->handle());
  auto wanted = make_kafka_partitions(ranges.size());
  std::vector<bool> open(ranges.size());
  for (std::size_t p = 0; p < ranges.size(); ++p)
    if (ranges[p] && ranges[p]->first < ranges[p]->next) {
      auto number = static_cast<std::int32_t>(p);
      rd_kafka_topic_partition_list_add(wanted.get(), topic.c_str(), number)->offset = ranges[p]->first;
      open[p] = true;
    }
  auto left = wanted->cnt;
  if (left == 0)
    return {};
  if (auto failed = rd_kafka_assign(client->handle(), wanted.get()))
    return kafka_error(failed, doing);
  for (auto last = clock::now(); left > 0;) {
    kafka_message m{rd_kafka_consumer_poll(client->handle(), 100)};
    auto seen = m && m->err == RD_KAFKA_RESP_ERR_NO_ERROR;
    if (seen)
      show(m.get(), visit);
    // The end for now: where a transaction is open, or its markers are being written, it moves.
    if (m && m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      auto p = static_cast<std::size_t>(m->partition);
      seen = m->offset >= ranges[p]->next && open[p];
      open[p] = open[p] && !seen;
      left -= seen ? 1 : 0;
    } else if (m && !seen && kafka_code(m->err) == errc::refused) {
      return kafka_error(m->err, doing);
    }
    if (seen)
      last = clock::now();
    else if (clock::now() - last > patience)
      return stuck(*client, doing);
  }
  return {};
}

} // namespace tidemill
