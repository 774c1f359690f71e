#pragma once

#include "storage/kafka/wire_buffer.hpp"
#include "storage/kafka/wire_connection.hpp"
#include "storage/kafka/wire_fetch_answer.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace tidemill {

class wire_broker;

/// Who hears what brokers answer. It must not destroy the broker meanwhile.
class wire_listener {
public:
  virtual void on_metadata(metadata_answer a) = 0;
  virtual void on_offsets(wire_broker& from, std::vector<offset_answer> a) = 0;
  /// Records of one partition have arrived, `head.records` bytes of them; no buffer: none,
  /// or more than `wire_broker::largest_part`.
  virtual void on_records(wire_broker& from, const fetched_partition& head, wire_buffer_ptr records) = 0;
  /// The fetch is over.
  virtual void on_fetched(wire_broker& from, broker_error e, std::chrono::milliseconds throttled) = 0;
  /// What was asked won't be answered.
  virtual void on_lost(wire_broker& from) = 0;

protected:
  ~wire_listener() = default;
};

/// The conversation with one broker: connects, and again after a loss; one request at a time. One thread.
class wire_broker {
public:
  using clock = wire_connection::clock;
  static constexpr std::size_t largest_part = 128u << 20; ///< records of one partition in one answer

  wire_broker(std::int32_t node, broker_address to, std::string client_id, wire_buffer_pool& pool,
              wire_listener& listener);

  /// Does all that is possible without waiting; `readable`: as poll(2) said of `descriptor`.
  void drive(clock::time_point at, bool readable);
  /// May be asked for something now.
  [[nodiscard]] bool idle() const noexcept { return versions_ && !asked_; }
  [[nodiscard]] bool connected() const noexcept { return versions_.has_value(); }
  void ask_metadata(clock::time_point at, std::span<const std::string_view> topics);
  void ask_offsets(clock::time_point at, std::span<const wire_partition_ask> of);
  void ask_fetch(clock::time_point at, const wire_fetch_terms& t, std::span<const wire_partition_ask> of);

  [[nodiscard]] std::int32_t node() const noexcept { return node_; }
  [[nodiscard]] const broker_address& address() const noexcept { return connection_.peer(); }
  /// Why it can't be reached, or does not answer; empty: all is well, or not known yet.
  [[nodiscard]] std::string trouble(clock::time_point at) const;
  [[nodiscard]] std::uint64_t connects() const noexcept { return connects_; }
  [[nodiscard]] std::uint32_t failures() const noexcept { return failures_; }

  [[nodiscard]] int descriptor() const noexcept { return connection_.descriptor(); }
  [[nodiscard]] bool wants_write() const noexcept { return connection_.wants_write(); }
  /// When `drive` has something to do even if nothing arrives.
  [[nodiscard]] clock::time_point due(clock::time_point at) const;

private:
  struct part {
    wire_buffer_ptr buffer; ///< null: too large, its bytes are passed over
    std::size_t received;   ///< `emplace()` makes it 0; clang 14 can't have an initialiser here
  };
  [[nodiscard]] wire_header header() { return {++last_id_, client_id_}; }
  void ask(clock::time_point at, wire_api api, std::int16_t version, std::string request);
  status receive(clock::time_point at);
  void wait_for_more() noexcept;
  status use_received();
  status begin_answer(bool& more);
  status use_fetch(bool& more);
  status use_plain(bool& more);
  void begin_part();
  void end_part();
  void fail(clock::time_point at, const error& why);

  std::int32_t node_;
  std::string client_id_;
  wire_buffer_pool& pool_;
  wire_listener& listener_;
  wire_connection connection_;
  std::optional<wire_versions> versions_;

  std::optional<wire_api> asked_;
  std::int16_t asked_version_ = 0;
  std::int32_t last_id_ = 0;
  clock::time_point heard_{};  ///< asked, or received something
  clock::time_point looked_{}; ///< whether something has come

  std::vector<char> staging_;
  std::size_t staged_ = 0, used_ = 0;
  std::optional<std::size_t> answer_; ///< bytes of the answer being received
  fetch_answer_reader fetch_;
  std::optional<part> part_;
  bool gathering_ = false; ///< poll(2) tells of many bytes only

  std::string trouble_;
  std::uint32_t failures_ = 0;
  std::uint64_t connects_ = 0;
  clock::time_point retry_at_{};
};

} // namespace tidemill
