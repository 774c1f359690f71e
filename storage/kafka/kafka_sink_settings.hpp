#pragma once

#include "storage/kafka/kafka_settings.hpp"
#include "storage/sink_input.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace tidemill {

struct kafka_sink_settings {
  std::string pipeline, name; ///< with `tidemill.` before them: the id of the writer, see `writer_id`
  kafka_client_settings client;
  std::string topic;
  enum class guarantee : std::uint8_t {
    exactly_once, ///< transactions; readers need `isolation.level=read_committed`
    at_least_once ///< records of the last sync interval may be there twice after a crash
  } delivery = guarantee::exactly_once;
  enum class form : std::uint8_t { changelog, append } mode = form::changelog; ///< of a view's rows
  std::vector<std::pair<std::string, std::string>> headers;                    ///< of every record
  std::string partitioner = "murmur2_random"; ///< as the client library names them
  std::string compression = "lz4";            ///< none, gzip, snappy, lz4 or zstd
  std::chrono::milliseconds linger{20};       ///< how long a request waits for more records
  std::size_t buffer = 32u << 20;             ///< bytes that may wait in the client
  std::vector<sink_input> inputs;             ///< empty: one nameless source
  std::chrono::milliseconds patience{5000}; ///< how long a call waits for a broker before it is `unavailable`
  std::chrono::milliseconds takeover{20'000}; ///< the same for taking the place of an earlier writer

  /// The transactional id, and the group that keeps the progress.
  [[nodiscard]] std::string writer_id() const { return "tidemill." + pipeline + "." + name; }
};

} // namespace tidemill
