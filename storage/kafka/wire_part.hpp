#pragma once

#include "storage/kafka/fetcher.hpp"
#include "storage/kafka/wire_fetch_answer.hpp"
#include "storage/kafka/wire_protocol.hpp"
#include "storage/kafka/wire_records.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace tidemill {

/// One partition that is being fetched, from one `seek` to the next.
class wire_part {
public:
  using clock = std::chrono::steady_clock;
  enum class phase : std::uint8_t {
    fetching,
    asking_first, ///< out of range: where does the log begin?
    asking_end,   ///< and where does it end?
    at_rest,      ///< until sought again
  };

  wire_part(partition_id p, topic_partition where, std::int64_t at, std::uint64_t which)
      : id(p), from(std::move(where)), generation(which), records(p, at) {}

  /// What brokers say. True: the leader may be another one by now.
  bool on_topic(clock::time_point at, const metadata_answer::topic& t);
  bool on_records(clock::time_point at, const fetched_partition& head, wire_buffer_ptr buffer,
                  bool read_committed);
  bool on_offset(clock::time_point at, const offset_answer& a);

  /// Appends up to about `max_bytes` of records, or what there is to tell instead.
  void hand_on(std::size_t max_bytes, wire_decoding& with, std::vector<polled>& out);

  [[nodiscard]] bool at_end() const noexcept { return end >= 0 && records.fetch_at() >= end; }
  [[nodiscard]] std::uint64_t lag() const noexcept;
  /// The next fetch asks for at most this much, `usual` unless single batches are larger.
  [[nodiscard]] std::size_t ask_for(std::size_t usual) const noexcept { return std::max(usual, enlarged_); }

  const partition_id id;
  const topic_partition from;
  const std::uint64_t generation; ///< tells answers to an earlier `seek` from ours
  wire_records records;
  phase now = phase::fetching;
  std::int32_t leader = -1;
  topic_uuid topic_id{};
  bool wanted = false;
  bool in_flight = false;
  std::uint64_t stood_first = 0; ///< in which fetch it last was the first
  std::int64_t end = -1;         ///< of what may be read, as last told
  std::string trouble;           ///< why nothing comes; empty: all is well
  clock::time_point troubled_since{};
  clock::time_point retry_at{};

private:
  [[nodiscard]] std::string name() const { return from.topic + "-" + std::to_string(from.number); }
  bool on_error(clock::time_point at, broker_error e);
  bool hold(clock::time_point at, const std::string& why);
  void rest(polled why);
  void halt(const std::string& why) { rest(polled_halted{id, name() + ": " + why}); }
  void ask_for_more();

  bool confirmed_ = false; ///< records came of the topic with `topic_id`
  std::size_t enlarged_ = 0;
  std::int64_t first_ = 0;        ///< of the log, if asked
  std::optional<polled> to_tell_; ///< after the records that wait
};

} // namespace tidemill
