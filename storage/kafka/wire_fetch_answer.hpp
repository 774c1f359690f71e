#pragma once

#include "storage/kafka/wire_protocol.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// Records of `producer` from `first` on are of an aborted transaction, up to its marker.
struct aborted_transaction {
  std::int64_t producer = 0, first = 0;
};

/// What a Fetch answer says about one partition, before its records.
struct fetched_partition {
  std::string topic; ///< empty if told by its id
  topic_uuid id{};
  std::int32_t number = 0;
  broker_error error{};
  std::int64_t high_watermark = -1; ///< the end of what is replicated
  std::int64_t last_stable = -1;    ///< the end of what is decided
  std::vector<aborted_transaction> aborted;
  std::size_t records = 0; ///< bytes of record batches that follow
};

/// Takes a Fetch answer apart while it arrives, so that the records of each partition can be received into
/// memory of their own.
///
///     feed → partition (take `head().records` bytes yourself) → feed → … → end
class fetch_answer_reader {
public:
  fetch_answer_reader() = default;
  /// For an answer of `size` bytes, without size and id.
  fetch_answer_reader(std::int16_t version, std::size_t size);

  enum class step : std::uint8_t {
    more,      ///< all of `bytes` that can be used is used: come again with what is left and more
    partition, ///< see `head`
    end,       ///< the answer is complete
    broken,    ///< this is no Fetch answer
  };
  /// Goes on with what was received, and cuts off from its front what it has used.
  step feed(std::string_view& bytes);
  [[nodiscard]] const fetched_partition& head() const noexcept { return head_; }
  /// Of the answer as a whole, once there was a `partition` or the `end`.
  [[nodiscard]] broker_error error() const noexcept { return error_; }
  [[nodiscard]] std::int32_t throttle_ms() const noexcept { return throttle_ms_; }

private:
  enum class place : std::uint8_t { answer, topic, partition, tail, topic_tail, answer_tail, end };
  void read(wire_reader& r);
  void read_partition(wire_reader& r);

  place at_ = place::answer;
  place next_ = place::answer;
  std::int16_t version_ = 0;
  std::size_t left_ = 0; ///< bytes of the answer not used yet
  std::size_t topics_ = 0, partitions_ = 0;
  fetched_partition head_;
  broker_error error_{};
  std::int32_t throttle_ms_ = 0;
};

} // namespace tidemill
