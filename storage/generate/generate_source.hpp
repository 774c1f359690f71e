#pragma once

#include "storage/pause.hpp"
#include "storage/record_source.hpp"

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace tidemill {

/// A made-up clickstream, see clickstream.hpp for what is in it.
struct generate_settings {
  std::string name = {};
  std::uint64_t seed = 1;
  std::uint32_t partitions = 4; ///< 1 … 1024
  /// Events per second over all partitions, by the clock. 0: as fast as possible, with event times as if
  /// there were 1000 a second.
  double rate = 1000;
  std::uint64_t events = 0; ///< then the source ends; 0: never
  /// When the first event is due. Absent: 2026-01-01T00:00:00Z if the source ends or `rate` is 0, else the
  /// moment of the first start, kept in `<state_folder>/<name>.start`. What is due already comes at once.
  std::optional<event_time> start = {};
  std::uint32_t users = 5000; ///< 1 … 10,000,000
  std::filesystem::path state_folder = {};
  source_clock clock = {};
};

/// Offset i of a partition is its record i; `arrival` is when it is due. Records of a user stay in one
/// partition. A seek costs nothing.
/// Errors: `config_invalid`; `io` and `corrupt` for the kept start; of `seek` `out_of_range`.
[[nodiscard]] result<std::unique_ptr<record_source>> make_generate_source(generate_settings settings);

} // namespace tidemill
