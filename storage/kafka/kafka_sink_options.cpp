// The settings of a sink; those of the client, which sources share, are in kafka_options.cpp.

#include "event/options.hpp"
#include "storage/kafka/kafka_options.hpp"
#include "storage/kafka/topic_name.hpp"

namespace tidemill {

std::vector<field_spec> kafka_sink_fields() {
  auto all = kafka_client_fields();
  std::vector<field_spec> own{
      {.name = "topic",
       .type = field_type::text,
       .text = "Where to; it has to be there. No other sink writes to it.",
       .required = true,
       .foreign = {"topics", "topic_name"}},
      {.name = "delivery",
       .type = field_type::choice,
       .text = "`exactly_once`: in transactions, for readers with `isolation.level=read_committed`. "
               "`at_least_once`: records of the last moment may be there twice after a crash.",
       .fallback = "exactly_once",
       .choices = {"exactly_once", "at_least_once"},
       .foreign = {"guarantee", "delivery_guarantee", "semantic", "processing_guarantee"}},
      {.name = "mode",
       .type = field_type::choice,
       .text = "Of a view. `changelog`: every change of a row, and a tombstone when it goes, for a compacted "
               "topic. `append`: each row once, when it is sealed.",
       .fallback = "changelog",
       .choices = {"changelog", "append"}},
      {.name = "key",
       .type = field_type::expression,
       .text = "Of a stream: the key of each record; without it records have none. Rows of views have keys.",
       .foreign = {"key_field", "message_key", "partition_key"}},
      {.name = "headers",
       .type = field_type::properties,
       .text = "Headers of every record, beside `tidemill-id` or `tidemill-view`."},
      {.name = "partitioner",
       .type = field_type::choice,
       .text =
           "Which partition a key goes to: `murmur2` as the Java clients, `crc32` (consistent) as "
           "librdkafka. Those with `_random` spread records without a key; the others keep them together.",
       .fallback = "murmur2_random",
       .choices = {"murmur2_random", "murmur2", "consistent_random", "consistent", "fnv1a_random", "fnv1a",
                   "random"}},
      {.name = "compression",
       .type = field_type::choice,
       .text = "Of the batches that are sent.",
       .fallback = "lz4",
       .choices = {"none", "gzip", "snappy", "lz4", "zstd"},
       .foreign = {"compression_type", "compression.type", "codec"}},
      {.name = "linger",
       .type = field_type::duration,
       .text = "How long a request waits for more records: 0s … 1s.",
       .fallback = "20ms",
       .foreign = {"linger_ms", "linger.ms", "batch_timeout"}},
      {.name = "buffer",
       .type = field_type::size,
       .text = "Records that may wait in the client: 1 MiB … 1 GiB. A slow broker then slows the source.",
       .fallback = "32MiB",
       .foreign = {"buffer_memory", "buffer.memory", "max_buffered_bytes"}}};
  all.insert(all.begin() + 1, own.begin(), own.begin() + 1); // brokers, topic
  all.insert(all.begin() + 2, own.begin() + 1, own.end());
  return all;
}

void lint_kafka_sink(const options& o, std::vector<diagnostic>& out) {
  lint_kafka_client(o, kafka_role::sink, out);
  auto complain = [&](std::string_view field, std::string text, std::string hint) {
    out.push_back({severity::error, o.where(field), std::string{field}, std::move(text), std::move(hint)});
  };
  if (!is_topic_name(o.text("topic")))
    complain("topic", "a topic can't have this name", "letters, digits, point, - and _");
  if (auto linger = o.time("linger"); linger.count() < 0 || linger > std::chrono::seconds{1})
    complain("linger", "linger must be 0s … 1s", "");
  if (auto bytes = o.integer("buffer"); bytes < 1 << 20 || bytes > 1 << 30)
    complain("buffer", "buffer must be 1 MiB … 1 GiB", "");
  for (const auto& [name, value] : o.pairs("headers"))
    if (name.text.starts_with("tidemill-"))
      out.push_back({severity::error, name.at, "headers." + name.text,
                     "headers that begin with `tidemill-` are ours", "choose another name"});
}

kafka_sink_settings kafka_sink_settings_of(const options& o) {
  kafka_sink_settings s;
  s.client = kafka_client_of(o);
  s.topic = o.text("topic");
  if (o.text("delivery", "exactly_once") == "at_least_once")
    s.delivery = kafka_sink_settings::guarantee::at_least_once;
  if (o.text("mode", "changelog") == "append")
    s.mode = kafka_sink_settings::form::append;
  for (const auto& [name, value] : o.pairs("headers"))
    s.headers.emplace_back(name.text, value.text);
  s.partitioner = o.text("partitioner", "murmur2_random");
  s.compression = o.text("compression", "lz4");
  s.linger =
      std::chrono::duration_cast<std::chrono::milliseconds>(o.time("linger", std::chrono::milliseconds{20}));
  s.buffer = static_cast<std::size_t>(o.integer("buffer", 32 << 20));
  return s;
}

} // namespace tidemill
