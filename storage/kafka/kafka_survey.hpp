#pragma once

#include "event/ids.hpp"
#include "event/result.hpp"
#include "storage/kafka/fetcher.hpp"
#include "storage/kafka/kafka_settings.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace tidemill {

class kafka_client;

/// Questions to a cluster. Each blocks for at most about `wait`; errors as of `kafka_code`.

/// The cluster's id; waits until a broker answers. Errors: what `kafka_client::state` says.
[[nodiscard]] result<std::string> cluster_id(kafka_client& client, std::chrono::milliseconds wait);

/// Whether a topic of the settings is a pattern.
[[nodiscard]] bool is_topic_pattern(const std::string& topic) noexcept;

/// Whether a topic is one of these, or matches a pattern among them.
[[nodiscard]] bool names_topic(const std::vector<std::string>& topics, const std::string& topic);

/// All partitions of these topics, in the order of the list; a pattern's in the order of their names. Errors:
/// `unavailable` for a topic that doesn't exist, or a pattern that matches none; `refused` without rights.
[[nodiscard]] result<std::vector<topic_partition>>
find_partitions(kafka_client& client, const std::vector<std::string>& topics, std::chrono::milliseconds wait);

/// Refuses (`refused`) a group with a member whose instance id doesn't begin with `ours`, naming it.
[[nodiscard]] status check_group(kafka_client& client, const std::string& group, const std::string& ours,
                                 std::chrono::milliseconds wait);

/// Where each partition's log begins, ends, or has its first record at or after a time (else its end).
[[nodiscard]] result<std::vector<offset>> find_offsets(kafka_client& client,
                                                       const std::vector<topic_partition>& partitions,
                                                       const kafka_start& at, std::chrono::milliseconds wait);

/// What a group committed for a partition.
struct group_offset {
  offset at = 0;
  std::string metadata;
};
/// One answer per partition; nothing where nothing was committed. The client's own group.
[[nodiscard]] result<std::vector<std::optional<group_offset>>>
committed_offsets(kafka_client& client, const std::vector<topic_partition>& partitions,
                  std::chrono::milliseconds wait);

} // namespace tidemill
