#pragma once

#include "event/ids.hpp"
#include "event/result.hpp"

#include <filesystem>

namespace tidemill {

/// Records of one partition: [from, to). Equal: none.
struct record_range {
  offset from = 0, to = 0;

  [[nodiscard]] bool empty() const noexcept { return from >= to; }
  /// Exactly one offset.
  [[nodiscard]] bool single() const noexcept { return to == from + 1; }
  friend bool operator==(const record_range&, const record_range&) = default;
};

/// Which records a worker has in hand, in memory that outlives the process: a small mapped file. A few stores
/// to memory a batch, no system call. What a process that ended without a word had in hand is found by the
/// next one; after a power loss it may be an older state. Of a file that is damaged or of another format
/// nothing is found.
///
/// One thread at a time.
class work_register {
public:
  work_register() = default; ///< remembers nothing
  work_register(work_register&& other) noexcept;
  work_register& operator=(work_register&& other) noexcept;
  ~work_register();

  /// Creates the file, and its folder, if need be. Errors: `io`, `full`, `fenced`.
  [[nodiscard]] static result<work_register> open(const std::filesystem::path& file);

  /// What the last holder had in hand when it ended; empty if it ended between batches.
  [[nodiscard]] record_range left() const noexcept { return left_; }
  /// Also tells the register: these records are in hand from now on.
  void begin(record_range r) noexcept;
  void end() noexcept { begin({}); }

  /// Records one of which is believed to end whoever works on it; stays until it is set anew.
  [[nodiscard]] record_range suspected() const noexcept;
  void suspect(record_range r) noexcept;

private:
  struct contents;
  contents* mapped_ = nullptr;
  record_range left_;
};

} // namespace tidemill
