#pragma once

#include "event/error.hpp"
#include "storage/kafka/kafka_client.hpp"
#include "storage/kafka/kafka_sink_settings.hpp"
#include "storage/kafka/sink_topic.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

struct rd_kafka_message_s;

namespace tidemill {

/// Asks, and writes nothing.
[[nodiscard]] kafka_client::setup scout_setup();

/// Called by `kafka_client::serve` for records that were not written.
using delivery_callback = void (*)(rd_kafka_s*, const rd_kafka_message_s*, void*);
/// Writes to one topic; batches are no longer than it takes.
[[nodiscard]] kafka_client::setup writer_setup(const kafka_sink_settings& s, const sink_topic& topic,
                                               void* owner, delivery_callback failed);

/// Names the record: by its id, or else by its key.
[[nodiscard]] error record_too_large(const kafka_sink_settings& s, const sink_topic& topic,
                                     std::string_view id, const std::optional<std::string>& key,
                                     std::size_t bytes);
/// What kept a record from being written.
[[nodiscard]] error not_delivered(const kafka_sink_settings& s, const sink_topic& topic,
                                  const rd_kafka_message_s* m);

/// Identifies an event for readers and messages; see `id_text`.
inline constexpr const char* id_header = "tidemill-id";

} // namespace tidemill
