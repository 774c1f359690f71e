#pragma once

#include "event/result.hpp"
#include "storage/kafka/wire_bytes.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// What we ask brokers for.
enum class wire_api : std::int16_t { fetch = 1, list_offsets = 2, metadata = 3, api_versions = 18 };

/// The newest version of each request that the broker and we both speak.
struct wire_versions {
  std::int16_t fetch = -1, list_offsets = -1, metadata = -1;
};

/// Errors of brokers that are treated by their number. The others may pass: asked again later.
enum class broker_error : std::int16_t {
  none = 0,
  offset_out_of_range = 1,
  corrupt_message = 2,
  unknown_topic = 3,
  leader_not_available = 5,
  not_leader = 6,
  record_too_large = 10,
  invalid_topic = 17,
  topic_not_authorized = 29,
  cluster_not_authorized = 31,
  unsupported_version = 35,
  invalid_request = 42,
  fenced_leader_epoch = 74,
  unknown_leader_epoch = 75,
  unsupported_compression = 76,
  unknown_topic_id = 100,
  inconsistent_topic_id = 103,
};
/// What such an error means, in words; an unknown one by its number.
[[nodiscard]] std::string broker_error_text(broker_error e);

/// Requests as they go over the wire. `id` comes back with the answer.
struct wire_header {
  std::int32_t id = 0;
  std::string_view client;
};
[[nodiscard]] std::string encode_api_versions(const wire_header& h);
/// Topics only by name; none is created by asking, from version 4 on.
[[nodiscard]] std::string encode_metadata(const wire_header& h, std::int16_t version,
                                          std::span<const std::string_view> topics);

/// A partition of which something is asked. Those of one topic stand together.
struct wire_partition_ask {
  std::string_view topic;
  topic_uuid id{}; ///< sent instead of the name from Fetch version 13
  std::int32_t number = 0;
  std::int64_t at = 0; ///< an offset; of ListOffsets: which, -2 is the first, -1 the end
  std::int32_t max_bytes = 0;
};
[[nodiscard]] std::string encode_list_offsets(const wire_header& h, std::int16_t version,
                                              std::span<const wire_partition_ask> of);
struct wire_fetch_terms {
  std::int32_t max_wait_ms = 0, min_bytes = 1, max_bytes = 0;
  bool read_committed = true;
};
[[nodiscard]] std::string encode_fetch(const wire_header& h, std::int16_t version, const wire_fetch_terms& t,
                                       std::span<const wire_partition_ask> of);

struct broker_address {
  std::string host;
  std::uint16_t port = 0;
  friend auto operator<=>(const broker_address&, const broker_address&) = default;
};
struct metadata_answer {
  struct broker {
    std::int32_t id = 0;
    broker_address at;
  };
  struct partition {
    broker_error error{};
    std::int32_t number = 0, leader = -1;
  };
  struct topic {
    broker_error error{};
    std::string name;
    topic_uuid id{};
    std::vector<partition> partitions;
  };
  std::vector<broker> brokers;
  std::vector<topic> topics;
};
struct offset_answer {
  std::string topic;
  std::int32_t number = 0;
  broker_error error{};
  std::int64_t at = -1;
};

/// Answers without size and id. Errors: `corrupt`; of the versions also `refused`, when there is no common
/// one.
[[nodiscard]] result<wire_versions> decode_api_versions(std::string_view body);
[[nodiscard]] result<metadata_answer> decode_metadata(std::string_view body, std::int16_t version);
[[nodiscard]] result<std::vector<offset_answer>> decode_list_offsets(std::string_view body,
                                                                     std::int16_t version);

} // namespace tidemill
