#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

namespace tidemill {

/// When a failed actor comes back: exponential backoff with jitter, forgotten after healthy time; nothing
/// once it has failed too often in a row.
class restart_policy {
public:
  using duration = std::chrono::milliseconds;
  using time_point = std::chrono::steady_clock::time_point;
  struct limits {
    duration initial{100}, max{30'000}, healthy{10'000};
    std::uint32_t max_failures = 5;
  };

  explicit restart_policy(limits l) : limits_(l) {}

  void started(time_point now) noexcept { started_ = now; }
  /// How long to wait before the next start; `jitter` in [0, 1) spreads it over [half, whole]. Nothing:
  /// escalate.
  [[nodiscard]] std::optional<duration> failed(time_point now, double jitter) {
    if (now - started_ >= limits_.healthy)
      failures_ = 0;
    if (failures_ >= limits_.max_failures)
      return std::nullopt;
    auto whole =
        std::min<duration>(limits_.initial * (std::int64_t{1} << std::min(failures_, 20u)), limits_.max);
    ++failures_;
    ++restarts_;
    return duration{whole.count() / 2 +
                    static_cast<std::int64_t>(static_cast<double>(whole.count() / 2) * jitter)};
  }
  /// The cause of the last failures is found and gone.
  void forgive(std::uint32_t failures) noexcept { failures_ -= std::min(failures_, failures); }
  [[nodiscard]] std::uint64_t restarts() const noexcept { return restarts_; }

private:
  limits limits_;
  time_point started_{};
  std::uint32_t failures_ = 0;
  std::uint64_t restarts_ = 0;
};

} // namespace tidemill
