#pragma once

#include "event/definition.hpp"
#include "event/diagnostic.hpp"
#include "event/result.hpp"
#include "event/time.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace tidemill {

struct plan;

/// How a pipeline is run.
struct run_settings {
  std::filesystem::path data;
  bool exit_at_end = false; ///< stop when finite sources are read and every window is sealed
  bool accept_loss = false; ///< state of a changed definition may be dropped
};

/// A few numbers for people who watch a terminal.
struct progress {
  std::uint64_t events = 0, late = 0, dead = 0, future = 0, lag = 0;
  event_time watermark = time_min; ///< the slowest source's
  std::vector<std::string> problems;
};

/// Compiles a pipeline: names, types, expressions, tables' columns. Faults are appended; null if there were
/// errors.
[[nodiscard]] std::shared_ptr<const plan> compile(const definition& d, std::vector<diagnostic>& faults);

/// What `tidemill plan` shows: parts, sizes, and what state of `data` would be restored or lost.
[[nodiscard]] std::string describe(const plan& p, const std::filesystem::path& data);

/// Wires and runs a pipeline: sources, actors, storage, HTTP; the only place that knows every folder. Shows
/// no CAF.
class platform {
public:
  /// Takes the data folder, restores, starts. What a source needs may be away: then it returns and waits in
  /// the background, not ready, with the reason among the problems. Errors as of the parts, with their place:
  /// `locked`, `corrupt`, `mismatch`, `address_in_use`, `io`…
  [[nodiscard]] static result<std::unique_ptr<platform>> start(std::shared_ptr<const plan> p,
                                                               const run_settings& s);
  ~platform();

  /// Where the dashboard is; empty without `serve`.
  [[nodiscard]] std::string address() const;
  [[nodiscard]] progress now() const;
  /// Whether it has ended by itself: at the end of its input, or because it failed.
  [[nodiscard]] bool done() const;
  /// It has ended because a source has more partitions now: start it again after `stop`.
  [[nodiscard]] bool outgrown() const;
  /// Stops sources, flushes, saves; within `engine.shutdown`. Returns why the pipeline failed, empty if it
  /// did not.
  [[nodiscard]] std::string stop();

private:
  struct impl;
  explicit platform(std::unique_ptr<impl> i);
  std::unique_ptr<impl> impl_;
};

} // namespace tidemill
