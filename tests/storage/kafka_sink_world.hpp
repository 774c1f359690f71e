#pragma once

#include "storage/kafka/kafka_sink_settings.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tidemill::test {

/// A record that a reader with `isolation.level=read_committed` sees.
struct committed_record {
  std::int32_t partition = 0;
  std::optional<std::string> key, value;
  std::map<std::string, std::string> headers;
};

/// Topics on the broker that the environment variable TIDEMILL_KAFKA_BROKERS names.
class kafka_world {
public:
  /// Says why not.
  [[nodiscard]] static bool available();
  [[nodiscard]] static std::string brokers();

  /// A topic of a new name.
  [[nodiscard]] static std::string
  make_topic(const std::string& stem, int partitions,
             const std::vector<std::pair<std::string, std::string>>& config = {});
  static void delete_topic(const std::string& topic);
  /// What the broker does to a group that has had no members for `offsets.retention.minutes`.
  static void forget_group(const std::string& group);
  /// All records. Waits for open transactions to end.
  [[nodiscard]] static std::vector<committed_record>
  read(const std::string& topic, std::chrono::milliseconds wait = std::chrono::seconds{70});
  /// Settings of the sink `name` of the pipeline `test`.
  [[nodiscard]] static kafka_sink_settings settings(const std::string& topic,
                                                    const std::string& name = "out");
};

} // namespace tidemill::test
