#pragma once

#include "event/result.hpp"
#include "storage/kafka/kafka_settings.hpp"
#include "storage/record_source.hpp"

#include <memory>

namespace tidemill {

/// Reads topics as a member of a consumer group: cooperative assignment, static membership (so that a
/// process that comes back takes its partitions up at once, and one that was replaced is fenced; one that has
/// not been replaced after all, see `still_ours`, joins again).
///
/// Offsets for recovery live in checkpoints; those committed to the group follow them, with the id of the
/// checkpoint store in their metadata: a partition whose newest commit names another store is refused.
/// Numbers of partitions are given once, in the order of topics and partitions as they appear, and kept in
/// `state_folder`. Errors of the settings: `invalid`.
[[nodiscard]] result<std::unique_ptr<record_source>> make_kafka_source(kafka_source_settings s);

} // namespace tidemill
