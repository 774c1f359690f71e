#pragma once

#include "event/result.hpp"
#include "storage/kafka/kafka_client.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

struct rd_kafka_error_s;

namespace tidemill {

/// What a writer must know of its topic.
struct sink_topic {
  std::size_t partitions = 0;
  /// The longest batch that the broker takes, compressed; nothing if we may not ask.
  std::optional<std::size_t> longest_batch;
};

/// Asks for a topic. Calls of this header wait for up to `patience`. Errors: `unavailable` (no broker
/// answers; there is no such topic), `refused`.
[[nodiscard]] result<sink_topic> ask_topic(kafka_client& client, const std::string& topic,
                                           std::chrono::milliseconds patience);

/// Texts about a topic, kept as the offset metadata of a group without members. `group` is a handle of
/// `notes_setup`.
///
/// Transactions that may still change them are waited for, or passed over: one that a process left open when
/// it died ends by its timeout, or when its successor takes over.
enum class pending_transactions : std::uint8_t { wait, ignore };
[[nodiscard]] kafka_client::setup notes_setup(const std::string& group, pending_transactions pending);
/// Those of the first `partitions` partitions, empty where there is none. Errors: as above.
[[nodiscard]] result<std::vector<std::string>> read_metadata(kafka_client& group, const std::string& name,
                                                             const std::string& topic, std::size_t partitions,
                                                             std::chrono::milliseconds patience);
/// Outside of a transaction. Errors: as above.
status write_metadata(kafka_client& group, const std::string& name, const std::string& topic,
                      const std::vector<std::string>& texts, std::chrono::milliseconds patience);

/// The same within the open transaction of a producer. Null: done. The caller owns the error.
[[nodiscard]] rd_kafka_error_s* send_metadata(kafka_client& client, const std::string& group,
                                              const std::string& topic, const std::vector<std::string>& texts,
                                              std::chrono::milliseconds patience);

} // namespace tidemill
