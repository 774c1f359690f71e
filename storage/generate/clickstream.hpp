#pragma once

#include "event/ids.hpp"
#include "event/time.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace tidemill {

/// The clickstream of a shop that doesn't exist: record i of partition p is a function of the seed, p and i,
/// so any part of it can be made at any time, byte for byte the same on every machine.
///
///     {"ts":"2026-01-01T00:03:05.123Z","user":"u17","session":"8f1c0a52e6b3","ip":"91.12.7.80",
///      "page":"/product/3","status":200,"bytes":5123,"took_ms":12.5,"referrer":"/search","agent":"…"}
///
/// What is in it:
/// - *Load*: `rate` on average. A "day" lasts an hour: ± 40 % around the mean. Every ten minutes a burst of
///   twenty seconds at four times the rate.
/// - *People*: users are spread over partitions by hash; low numbers come more often. Sessions of twelve
/// events,
///   an address per user, mostly with a referrer. Pages: products by Zipf's law (exponent 1), categories,
///   search, cart, checkout, static files, health checks.
/// - *Bots*: 3 % of sessions, with agents of their own, no referrer, more 404.
/// - *Trouble*: from minute 12 to 13 of every 20, half of all answers are 500 or 503, eight times as slow.
/// - *Disorder*: times lie up to 0.8 s before the record is due; 1 % by 2 to 20 s, 0.1 % by 2 to 10 minutes;
///   0.1 % lie 1 to 6 hours ahead. 0.5 % are exact copies of one of the twenty records before.
/// - *Dirt*: 0.1 % are cut JSON, a `status` that is text, or an agent that is not UTF-8.
class clickstream {
public:
  struct shape {
    std::uint64_t seed = 1;
    std::uint32_t partitions = 4; ///< at least 1
    double rate = 1000;           ///< records per second over all partitions; positive
    std::uint32_t users = 5000;   ///< at least 1
    event_time start{};           ///< when the first record is due
  };
  explicit clickstream(const shape& s);

  /// When the record is due: its arrival. Grows with i.
  [[nodiscard]] event_time due(partition_id p, std::uint64_t i) const;
  /// Appends the record, without a line end.
  void append(std::string& out, partition_id p, std::uint64_t i) const;
  /// How many records of a partition are due by `now`.
  [[nodiscard]] std::uint64_t due_by(partition_id p, event_time now) const;

private:
  class dice;
  struct visit;
  [[nodiscard]] visit visit_of(partition_id p, std::uint64_t i, dice& d) const;
  /// How far the event time lies before the arrival.
  [[nodiscard]] static microseconds disorder(dice& d);
  void append_page(std::string& out, dice& d) const;
  static void append_answer(std::string& out, dice& d, bool bot, bool troubled, bool wrong_type);
  [[nodiscard]] std::uint32_t product(dice& d) const;

  shape shape_;
  std::uint64_t slots_;                           // sessions at a time, per partition
  std::vector<std::vector<std::uint32_t>> users_; // per partition
  std::vector<std::uint64_t> products_;           // cumulative shares of 2^64
};

} // namespace tidemill
