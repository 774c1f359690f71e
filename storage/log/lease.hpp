#pragma once

#include "event/result.hpp"
#include "event/time.hpp"
#include "storage/disk_file.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

namespace tidemill {

/// What a lease file says about the process that keeps it.
struct lease_note {
  enum class phase : std::uint8_t {
    taking,   ///< it is taking over and has not finished
    holding,  ///< it beats
    released, ///< it has ended well: nothing of it is still under way
  };
  std::string holder; ///< `process 4711 on host a, started 2026-01-01T00:00:00Z`
  std::string boot;   ///< id of the running kernel: locks are told reliably within one
  bool locked = true; ///< the file system takes locks there
  std::chrono::milliseconds term{0};
  phase now = phase::taking;
  std::uint64_t beat = 0;

  friend bool operator==(const lease_note&, const lease_note&) = default;
};

[[nodiscard]] std::string encode_lease(const lease_note& n);
/// Nothing if it isn't one that `encode_lease` made.
[[nodiscard]] std::optional<lease_note> decode_lease(std::string_view bytes);

/// This process, in words for people.
[[nodiscard]] std::string this_process(event_time started);
/// The id of the running kernel; if there is none to be had, one that no other process has.
[[nodiscard]] std::string this_boot();
/// 16 hexadecimal digits that nobody else has.
[[nodiscard]] std::string random_lease_id();
/// A clock of this machine that never jumps and also runs while the machine sleeps.
[[nodiscard]] std::chrono::nanoseconds steady_now() noexcept;

/// A lease file and its lock, kept by the process that it names. The lock goes when the process does.
class lease_file {
public:
  /// Creates the file, locked from the moment it can be seen, and durable. Errors: `io`, `full`. `local`:
  /// everybody who can see the file is on this machine, so a beat need not go to the disk.
  [[nodiscard]] static result<lease_file> create(std::filesystem::path path, lease_note n, bool local);
  /// Changes the phase and counts the beat up: who looks sees that the process is well.
  status beat(lease_note::phase now);

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  [[nodiscard]] std::chrono::milliseconds term() const noexcept { return note_.term; }

private:
  std::filesystem::path path_;
  disk_file file_;
  lease_note note_;
  bool local_ = false;
};

/// A lease file as somebody else sees it.
struct lease_sight {
  std::optional<lease_note> note; ///< none: no such file, or not readable as one
  bool locked = false;            ///< its keeper lives, or that can't be told
};
/// Errors: `io`.
[[nodiscard]] result<lease_sight> look_at_lease(const std::filesystem::path& path);

/// Beats for a holder, `term / 5` apart, on a thread of its own, and looks each time whether it still holds.
class lease_keeper {
public:
  /// `still_ours` is called on the keeper's thread and by `verify`: `fenced` says that another process holds
  /// now. It is not called before `begin`.
  lease_keeper(lease_file file, std::function<status()> still_ours);
  /// Ends the beats; a holder that has begun and not lost says that it released.
  ~lease_keeper();
  lease_keeper(const lease_keeper&) = delete;
  lease_keeper& operator=(const lease_keeper&) = delete;

  /// The takeover is complete. Errors: of `verify`, and of the file.
  status begin();
  /// Whether no other process can hold now: the last beat is younger than the term, on a clock that also
  /// counts sleep. Cheap; any thread. False is not yet `lost`.
  [[nodiscard]] bool holds() const noexcept;
  /// Looks now. Errors: `fenced` (from then on for ever), `io`. Any thread.
  status verify();
  /// Another process has taken over; final.
  [[nodiscard]] bool lost() const noexcept;
  /// Calls `f(why)` once on the keeper's thread when that is noticed, also if it was before.
  void on_lost(std::function<void(std::string)> f);

private:
  void run();
  void renew();

  struct shared;
  std::unique_ptr<shared> state_;
  std::thread thread_;
};

} // namespace tidemill
