#pragma once

#include "actors/partition_watch.hpp"
#include "event/alerts.hpp"
#include "event/ids.hpp"
#include "event/time.hpp"
#include "storage/record_source.hpp"

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

namespace tidemill {

/// A step that remembers something, in one partition.
struct step_board {
  explicit step_board(std::string n) : name(std::move(n)) {}
  std::string name; ///< `hits/dedup`
  std::atomic<std::uint64_t> keys{0}, dropped{0};
};

/// What is known of one partition, for status, metrics, idleness and lead. Written by its worker and its
/// source, read by anyone; each number is true by itself, not together with its neighbours.
struct partition_board {
  std::atomic<std::uint64_t> position{0}, lag{0};
  std::atomic<std::int64_t> watermark{time_min.time_since_epoch().count()}; ///< microseconds
  std::atomic<std::uint64_t> records{0}, dead{0}, future{0}, late{0}, panes{0}, restarts{0}, checkpoint{0};
  std::atomic<std::uint64_t> skipped{0}; ///< tombstones that are passed over
  std::atomic<std::uint64_t> unkeyed{0}; ///< events that a sink got without a key, as its expression failed
  std::atomic<std::uint64_t> lost{0};    ///< offsets that were gone from the source when they were due
  /// Windows with times between these lack what was lost last; `time_max`: not known yet how far that
  /// reaches.
  std::atomic<std::int64_t> lost_from{time_min.time_since_epoch().count()},
      lost_until{time_min.time_since_epoch().count()}; ///< microseconds
  std::atomic<std::int64_t> last_record{0}; ///< steady clock, nanoseconds: when the source last brought one
  std::atomic<bool> replaying{true}, ended{false}, idle{false}, held_back{false}, running{false};
  std::atomic<bool> undecided{false};  ///< records wait for later ones, which decide about their times
  std::atomic<bool> assigned{true};    ///< ours to read; false while another process has it
  std::atomic<bool> halted{false};     ///< can't go on without a person; the reason is among the problems
  std::atomic<std::uint64_t> start{0}; ///< where it begins if there is no checkpoint
  /// The records one of which has just stopped the worker, for finding the poisonous one. Equal: none.
  std::atomic<std::uint64_t> applying_from{0}, applying_to{0};
  std::deque<step_board> steps; ///< in the order of the plan

  [[nodiscard]] event_time watermark_time() const noexcept {
    return event_time{microseconds{watermark.load(std::memory_order_relaxed)}};
  }
};

/// Its partitions are made before `known` is set and never after: until then only who makes them may look.
struct source_board {
  std::string name;
  std::vector<std::unique_ptr<partition_board>> partitions;
  std::atomic<bool> known{false};
  std::unique_ptr<partition_watch> watch; ///< null: nothing is promised; never exchanged

  /// For those who look from outside: none while they are not known.
  [[nodiscard]] std::span<const std::unique_ptr<partition_board>> shown() const noexcept {
    return known.load(std::memory_order_acquire) ? std::span{partitions}
                                                 : std::span<const std::unique_ptr<partition_board>>{};
  }
  void gauges(std::vector<source_gauge> now);
  [[nodiscard]] std::vector<source_gauge> gauges() const;

private:
  mutable std::mutex mutex_;
  std::vector<source_gauge> gauges_;
};

struct view_board {
  std::string name;
  std::vector<std::shared_ptr<const alert_cell>> alerts; ///< of its rules
  std::atomic<std::int64_t> watermark{time_min.time_since_epoch().count()};
  std::atomic<std::uint64_t> rows_published{0}, windows_sealed{0}, restarts{0};
  std::atomic<bool> recovering{true}, finished{false};
  std::atomic<std::int64_t> newest_sealed{time_min.time_since_epoch().count()}; ///< window end
};

struct sink_board {
  std::string name;
  std::atomic<std::uint64_t> written{0}, failures{0};
  std::atomic<std::int64_t> sealed{
      time_min.time_since_epoch().count()};       ///< of a sealed sink: last window end
  std::atomic<std::uint64_t> epoch{0}, offset{0}; ///< of a mirror: its position
};

/// Everything that status pages show; its vectors are filled before anybody looks. Problems are sentences by
/// place; a place has at most one.
class board {
public:
  std::vector<std::unique_ptr<source_board>> sources;
  std::vector<std::unique_ptr<view_board>> views;
  std::vector<std::unique_ptr<sink_board>> sinks;

  /// Says what is wrong at a place; an empty text means it is well again.
  void problem(const std::string& place, std::string text);
  [[nodiscard]] std::map<std::string, std::string> problems() const;

private:
  mutable std::mutex mutex_;
  std::map<std::string, std::string> problems_;
};

} // namespace tidemill
