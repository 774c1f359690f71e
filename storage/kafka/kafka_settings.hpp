#pragma once

#include "event/result.hpp"
#include "event/time.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace tidemill {

/// How a Kafka cluster is reached; the same for sources and sinks.
struct kafka_client_settings {
  std::vector<std::string> brokers; ///< `host:port`
  std::string client_id;            ///< names this process in the broker's logs
  /// Properties of the client library, those of `tls`, `sasl` and `client` alike, already checked (see
  /// `client_properties`).
  std::map<std::string, std::string> properties;
  /// OAUTHBEARER: prints a token, see docs/kafka.md; empty: none.
  std::string token_command;
};

/// Where reading begins without a checkpoint.
struct kafka_start {
  enum class from : std::uint8_t { earliest, latest, time } kind = from::earliest;
  event_time time{};
};

struct kafka_source_settings {
  std::string name; ///< of the source
  kafka_client_settings client;
  std::vector<std::string> topics; ///< names; `^…` is a regular expression
  std::string group;
  kafka_start start;
  bool read_committed = true;
  bool meta = false; ///< keys and headers are wanted
  /// How records are fetched: by the client library, by ourselves, or by ourselves where that is possible.
  enum class fetching : std::uint8_t { automatic, client, wire } fetch = fetching::automatic;
  std::size_t read_ahead = 64u << 20; ///< bytes that may wait in the client
  std::filesystem::path state_folder; ///< keeps which partition has which number
  std::string store_id;               ///< whose checkpoints these are: goes with committed offsets
  std::string store_name;             ///< the same for people: host and folder
  /// Looks whether the checkpoints are still ours, when another process has taken our place in the group;
  /// null: then they are not.
  std::function<status()> still_ours = {};
  bool shared = false; ///< others in the group read the same topics: what isn't assigned to us may be theirs
  std::chrono::milliseconds
      session{}; ///< the broker gives a silent member's partitions away after this; 0: default
};

} // namespace tidemill
