#pragma once

#include "storage/kafka/wire_part.hpp"

#include <chrono>
#include <cstddef>
#include <vector>

namespace tidemill {

/// Of which partition something was asked, and since which `seek` of it.
struct asked_partition {
  partition_id id{};
  std::uint64_t generation = 0;
};

/// What is asked of one broker.
struct wire_lane {
  using clock = wire_part::clock;

  std::vector<wire_part*> parts;      ///< that it leads; anew each time
  std::vector<asked_partition> asked; ///< in flight
  std::size_t next = 0;               ///< of `asked`: whose answer comes next, most likely
  std::size_t in_flight = 0;          ///< bytes that may come
  std::uint64_t turn = 0;             ///< fetches so far
  clock::time_point not_before{};     ///< the broker wants to be left alone

  std::size_t arrived = 0; ///< bytes since `since`
  clock::time_point since{};
  double rate = 0; ///< bytes a second
  /// A fetch was answered.
  void note(clock::time_point at);
};

/// How much may be fetched.
struct fetch_sizes {
  std::size_t usual = 0; ///< as `max_bytes` of `poll`
  std::size_t room = 0;  ///< left of what may be read ahead
  std::size_t lanes = 1;
  bool nothing_waits = false;
};

/// The offsets to ask for, of partitions whose own is out of range.
[[nodiscard]] std::vector<wire_partition_ask> plan_offsets(wire_lane& lane, wire_lane::clock::time_point at);

/// The next fetch; empty: none now. Who has enough waiting, or isn't wanted, is left out. An answer is waited
/// for only as long as nobody who was left out must wait for it, too; where much arrives, until it is
/// worthwhile.
[[nodiscard]] std::vector<wire_partition_ask> plan_fetch(wire_lane& lane, wire_lane::clock::time_point at,
                                                         const fetch_sizes& sizes, wire_fetch_terms& terms);

} // namespace tidemill
