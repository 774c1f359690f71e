#pragma once

#include "event/result.hpp"
#include "storage/kafka/kafka_sink_settings.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace tidemill {

struct read_back;

/// A record to be written. The views need to live during the call only.
struct kafka_record {
  std::optional<std::string_view> key;
  std::optional<std::string_view> value;                ///< none: a tombstone
  std::string_view header_name = {}, header_value = {}; ///< besides those of the settings
  std::int32_t partition = -1;                          ///< -1: the partitioner chooses
};

/// The one writer of a topic for a sink: records and a body (what the sink keeps of its progress) become
/// durable together by `commit`.
///
/// exactly_once: together is atomic, and whoever writes under the same `writer_id` later ends this one: its
/// calls then are `fenced`, for ever. at_least_once: the body follows the records.
///
/// Errors: `unavailable`, to be called again with the same; all others are final: `refused`, `fenced`,
/// `event_too_large`, `mismatch` and `corrupt` (of the stored body), `config_invalid`. After any error begin
/// again with `ready`. One thread.
class kafka_producer {
public:
  /// With `recover`, a body that the broker has forgotten (groups without members expire) is looked for in
  /// the last records of the topic.
  kafka_producer(kafka_sink_settings s, bool recover);
  ~kafka_producer();
  kafka_producer(const kafka_producer&) = delete;
  kafka_producer& operator=(const kafka_producer&) = delete;

  /// Connects, takes the place of an earlier writer and reads what it committed; or cleans up after an error.
  /// Costs nothing when all is well.
  status ready();
  /// Changes whenever all that was sent since the last commit is void and has to be sent again.
  [[nodiscard]] std::uint64_t round() const noexcept;
  /// The body committed last, by us or before us; empty: none.
  [[nodiscard]] const std::string& stored() const noexcept;
  /// How long a body may be. Known once `ready`.
  [[nodiscard]] std::size_t longest_body() const noexcept;

  /// Hands a record to the client; waits while its buffer is full.
  status send(const kafka_record& r);
  /// Makes all that was sent durable, and the body. If it was in time but the answer was lost, the next
  /// `ready` finds out.
  status commit(const std::string& body);

  /// The body committed last by anybody, without taking anyone's place; empty: none. Before `ready`, what a
  /// transaction under way brings is not waited for.
  [[nodiscard]] result<std::string> peek();
  /// Shows all committed records of the topic, as they are now. Requires `ready`.
  status read_all(const std::function<void(const read_back&)>& visit);

private:
  class impl;
  std::unique_ptr<impl> impl_;
};

/// The header of the last record of a commit, from which the body can be recovered.
inline constexpr const char* progress_header = "tidemill-progress";

} // namespace tidemill
