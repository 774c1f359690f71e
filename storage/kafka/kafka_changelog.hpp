#pragma once

#include "event/result.hpp"
#include "storage/kafka/kafka_sink_settings.hpp"
#include "storage/row_sink.hpp"

#include <memory>

namespace tidemill {

/// Keeps a topic, best a compacted one, equal to one view: key = what identifies a row, as JSON; value = the
/// row as in the HTTP API; a removed or trimmed row gets a tombstone. Each record has the header
/// `tidemill-view`:
/// `<pipeline>/<view>`.
///
/// What changed in one step becomes visible in one transaction, up to 16 MiB; more comes in several. Where
/// the topic isn't where it was left, all rows are written, and tombstones for those that the topic has and
/// the view has not: for that the topic is read once. The position (epoch, offset) is committed with the
/// rows.
///
/// Errors: as `kafka_producer`; `refused` also for a second view and if the topic has a newer epoch.
[[nodiscard]] std::unique_ptr<view_mirror> make_kafka_changelog(kafka_sink_settings s);

} // namespace tidemill
