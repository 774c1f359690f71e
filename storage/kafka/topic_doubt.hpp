#pragma once

#include "storage/record_source.hpp"

#include <chrono>
#include <optional>

namespace tidemill {

/// The last record that came from a partition, and since when nothing follows. The client library doesn't
/// notice that a topic was deleted, created again and filled beyond where we are; but that takes a while, in
/// which nothing comes. After such a while the last record is read again first, which costs a request. An
/// exchange while nothing is asked for, since what was read ahead waits, is not found like this. Pure.
class topic_doubt {
public:
  using time = std::chrono::steady_clock::time_point;

  /// Records were asked for at `at`, and before that at `before`: a process that stood still asks late.
  void asked(time at, time before) noexcept;
  void came(const record_batch& batch);
  /// What must still be there if records that come at `at` follow the ones before; nothing: there is no
  /// doubt.
  [[nodiscard]] std::optional<record_mark> at(time at) const noexcept;

private:
  std::optional<record_mark> last_;
  std::optional<time> nothing_since_;
};

} // namespace tidemill
