#pragma once

#include "actors/alert_hold.hpp"
#include "actors/board.hpp"
#include "actors/messages.hpp"
#include "pipeline/view.hpp"
#include "storage/log/segment_log.hpp"
#include "storage/row_sink.hpp"

#include <caf/actor.hpp>
#include <caf/behavior.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

namespace tidemill {

/// What a view actor needs; the same for every incarnation but for the last member.
struct view_setup {
  std::shared_ptr<const plan> all;
  std::size_t source = 0, view = 0;
  std::uint32_t index = 0; ///< of the view within its source, as workers know it
  std::size_t partitions = 0;
  std::filesystem::path log; ///< folder of its view log
  caf::actor publisher;
  std::vector<std::pair<std::uint32_t, caf::actor>> sealed_sinks; ///< by index in the plan
  std::chrono::milliseconds tick{50};
  std::vector<std::shared_ptr<alert_cell>> alerts;     ///< where readers find the logs of its rules
  std::vector<std::shared_ptr<const alert_hold>> held; ///< what sinks have of these
  std::uint64_t alert_epoch = 1;                       ///< of logs that begin now
  std::size_t log_bytes = 64u << 20; ///< a new head is written when the log has grown by this and doubled
  std::shared_ptr<board> status;
  std::size_t shown = 0; ///< index in `board::views`
  std::uint64_t incarnation = 0;
};

/// Step 7 of an event's walk: merges flushes, seals windows into the view log, tells the publisher. Runs on a
/// thread of its own, since it waits for the disk. Messages:
///
///     (open, partition, incarnation, worker)   a worker asks for a link → hello
///     flush_ptr                                 pieces of a flush
///     (durable, sink, window end)               a sealed sink holds everything up to there
///     rows                                      the publisher has lost its rows → tick with all
///     beat, drain                               internal; the last tick, then quit
///
/// While the disk is full, nothing that has to be in the log before leaves: flushes stay without an answer,
/// which holds their workers and in the end the source back; readers see what they saw.
class view_state_actor {
public:
  static inline const char* name = "view";
  explicit view_state_actor(caf::event_based_actor* self) : self_(self) {}

  void start(view_setup setup);
  void open(partition_id p, std::uint64_t incarnation, const worker_actor& from);
  void receive(const flush_ptr& pieces);
  void beat();
  void sink_holds(std::uint32_t sink, event_time end);
  void resend();

private:
  void tick();
  [[nodiscard]] view_tick next_tick();
  [[nodiscard]] bool write(const view_tick& t);
  [[nodiscard]] status append(const std::vector<std::string>& records);
  void write_head();
  void send_sealed(sealed_windows sealed, std::optional<std::uint32_t> only);
  void show(const view_tick& t);
  void keep_entries();
  void show_alerts(const std::vector<alert_snapshot_ptr>& logs);

  caf::event_based_actor* self_;
  view_setup s_;
  std::unique_ptr<view> state_;
  std::unique_ptr<segment_log> log_;
  std::uint64_t bytes_after_head_ = 0;
  std::vector<worker_actor> workers_;         ///< by partition
  std::map<std::uint32_t, event_time> sinks_; ///< what each sealed sink holds
  std::set<std::uint32_t> resumed_;           ///< sinks that have told where they stand
  bool due_ = false;                          ///< something arrived since the last tick
  std::optional<view_tick> unwritten_;        ///< its turn has come, but the disk is full
  std::chrono::steady_clock::time_point write_again_{};
  std::vector<std::function<void()>> after_write_; ///< what has to wait for it
  std::chrono::steady_clock::time_point last_open_{};
};

caf::behavior view_actor(caf::stateful_actor<view_state_actor>* self, view_setup setup);

} // namespace tidemill
