#pragma once

#include "event/result.hpp"
#include "storage/kafka/kafka_sink_settings.hpp"
#include "storage/row_sink.hpp"

#include <memory>

namespace tidemill {

/// Writes every sealed row of one view to a topic: key = the `by` values as JSON, none for a view without;
/// value = the row as in the HTTP API. The end of the last window is committed with its rows; a window is in
/// one transaction. For guarantees and errors see `kafka_producer`.
[[nodiscard]] std::unique_ptr<sealed_sink> make_kafka_sealed_sink(kafka_sink_settings s);

} // namespace tidemill
