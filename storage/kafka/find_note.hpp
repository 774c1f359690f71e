#pragma once

#include "event/result.hpp"
#include "storage/kafka/kafka_client.hpp"
#include "storage/kafka/kafka_sink_settings.hpp"
#include "storage/kafka/sink_progress.hpp"

#include <cstddef>
#include <optional>

namespace tidemill {

/// The newest note of a writer in the headers of the last committed records of its topic; nothing if there is
/// none among the last 1,000 offsets of a partition, or further back where those hold no committed record.
/// The last record of every commit has the note, so only records of other writers can hide it. Errors:
/// `unavailable`, `refused`, `corrupt`.
[[nodiscard]] result<std::optional<sink_note>> find_note(kafka_client& client, const kafka_sink_settings& s,
                                                         std::size_t partitions);

} // namespace tidemill
