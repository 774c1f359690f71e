#pragma once

#include "storage/kafka/kafka_producer.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

struct rd_kafka_s;
struct rd_kafka_topic_s;

namespace tidemill {

/// A record that waits until it is known whether it is the last one of its commit. Keeps its memory.
struct held_record {
  bool full = false;
  std::optional<std::string> key, value;
  std::string header_name, header_value;
  std::int32_t partition = -1;

  void hold(const kafka_record& r);
  /// Hands it to the client library, which copies it: its own header, the given ones, and the progress if
  /// there is any. Returns the library's error number.
  [[nodiscard]] int produce(rd_kafka_s* client, rd_kafka_topic_s* to,
                            const std::vector<std::pair<std::string, std::string>>& headers,
                            const std::string* progress) const;
};

} // namespace tidemill
