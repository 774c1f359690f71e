#pragma once

#include "event/result.hpp"
#include "storage/kafka/kafka_client.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// A record as read back.
struct read_back {
  std::int32_t partition = 0;
  std::optional<std::string_view> key, value; ///< no value: a tombstone
  /// The last header of this name. Valid during the visit.
  std::function<std::optional<std::string_view>(const std::string& name)> header;
};
using read_back_visitor = std::function<void(const read_back&)>;

/// Offsets [first, next) of a partition.
struct topic_range {
  std::int64_t first = 0, next = 0;
};
/// What each partition holds. Errors: `unavailable`, `refused`.
[[nodiscard]] result<std::vector<topic_range>> ask_ranges(kafka_client& client, const std::string& topic,
                                                          std::size_t partitions,
                                                          std::chrono::milliseconds patience);
/// Reads the committed records of ranges, by partition (nothing: not this one). Transactions that are open in
/// a range are waited for. Gives up when nothing comes for `patience`. `writer` names the group of the
/// reader, which commits nothing. Errors: `unavailable`, `refused`.
status read_back_topic(const kafka_client_settings& s, const std::string& writer, const std::string& topic,
                       const std::vector<std::optional<topic_range>>& ranges,
                       std::chrono::milliseconds patience, const read_back_visitor& visit);

} // namespace tidemill
