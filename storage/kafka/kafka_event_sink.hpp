#pragma once

#include "event/result.hpp"
#include "storage/event_sink.hpp"
#include "storage/kafka/kafka_sink_settings.hpp"

#include <memory>

namespace tidemill {

/// Writes the events of a stream to a topic: the JSON as the value, the event's key if it has one, its id in
/// the header `tidemill-id`. The offsets of the source up to which events are there are committed with them,
/// as offset metadata of the group `writer_id`.
///
/// What was written since the last sync is kept in memory: a transaction that fails is written anew. For
/// guarantees and errors see `kafka_producer`; `refused` also if the progress of so many source partitions
/// can't be kept in the topic's metadata.
[[nodiscard]] std::unique_ptr<event_sink> make_kafka_event_sink(kafka_sink_settings s);

} // namespace tidemill
