#pragma once

#include "event/time.hpp"
#include "storage/event_sink.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// The dead letters (late events, events from the future) of all streams of a process, newest at hand.
///
/// A segment log with a letter per record (time, stream, event id, JSON; see `dead_letter.hpp`), bounded by
/// bytes: the oldest segments are dropped whole, and counted. The file CURSORS beside it says up to where
/// each sink has written; a letter that comes again after a crash is known by its stream and id. Thread-safe.
class dead_letter_log {
public:
  static constexpr std::size_t most_newest = 1000; ///< letters of a stream that `newest` can reach

  /// Reads the log through once. `now` is noted with each letter; default: the system's clock. Errors: `io`,
  /// `full`, `corrupt`.
  [[nodiscard]] static result<std::shared_ptr<dead_letter_log>> open(std::filesystem::path folder,
                                                                     std::uint64_t max_bytes = 256u << 20,
                                                                     std::function<event_time()> now = {});
  ~dead_letter_log();

  /// JSON of the newest letters of a stream (of all if empty), newest first; fewer than `limit` if there are
  /// no more or they are larger than 16 MiB together.
  [[nodiscard]] std::vector<std::string> newest(std::string_view stream, std::size_t limit) const;

  struct counters {
    std::uint64_t letters = 0; ///< stored now
    std::uint64_t dropped = 0; ///< once stored, dropped for `max_bytes`
    std::uint64_t bytes = 0;   ///< on disk
  };
  [[nodiscard]] counters count() const;

private:
  friend class dead_letter_sink;
  struct impl;
  explicit dead_letter_log(std::unique_ptr<impl> i);
  std::unique_ptr<impl> impl_;
};

/// A way into the log, for one stream or for many. Letters go to `outgoing_event::stream`, or to the stream
/// of the sink's own name if that is empty.
class dead_letter_sink final : public event_sink {
public:
  /// `name` is what its progress is stored under: two sinks of one log have two names.
  dead_letter_sink(std::shared_ptr<dead_letter_log> log, std::string name)
      : log_(std::move(log)), name_(std::move(name)) {}

  [[nodiscard]] result<std::map<partition_id, offset>> resume() override;
  status write(const outgoing_batch& batch) override;
  status sync() override;

private:
  std::shared_ptr<dead_letter_log> log_;
  std::string name_;
};

} // namespace tidemill
