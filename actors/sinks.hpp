#pragma once

#include "actors/board.hpp"
#include "actors/messages.hpp"
#include "event/rows.hpp"
#include "storage/checkpoint/checkpoint_store.hpp"
#include "storage/event_sink.hpp"
#include "storage/log_mirror.hpp"
#include "storage/row_sink.hpp"

#include <caf/actor.hpp>
#include <caf/behavior.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tidemill {

/// What all sinks share. Each runs on a thread of its own and may block; while it retries, its senders'
/// credits are out, so it slows its source and nobody else.
struct sink_common {
  std::string name; ///< for status: `sinks.cleaned`
  std::shared_ptr<board> status;
  std::size_t shown = 0;                             ///< index in `board::sinks`
  std::shared_ptr<const std::atomic<bool>> stopping; ///< ends retries
};

/// Calls `attempt` until it succeeds, with backoff while its errors are temporary (`unavailable`, `full`,
/// `locked`); shows them. Throws on a final error. False: the pipeline is stopping.
bool retry(const sink_common& c, const std::function<status()>& attempt);

/// An event sink. Messages:
///
///     (resume, partition, sink, worker)   a worker asks where the sink stands → (resume, sink, held,
///     reached) (sink_work_ptr, sink, worker)       events → (durable, sink, offset) once synced (resume,
///     partition, feeder)         the same of an `alert_feeder` → (resume, offset) (sink_work_ptr, feeder)
///     entries → (durable, offset) once written beat, drain
struct event_sink_setup {
  sink_common common;
  std::function<result<std::unique_ptr<event_sink>>()> make;
  std::chrono::milliseconds sync{200};
  std::size_t sync_bytes = 4u << 20;
  /// Streams of several sources may meet in one sink: a partition's number there = base + its own.
};
class event_sink_state {
public:
  static inline const char* name = "event_sink";
  explicit event_sink_state(caf::event_based_actor* self) : self_(self) {}
  void start(event_sink_setup setup);
  void write(const sink_work_ptr& w, std::uint32_t sink, const worker_actor& from);
  void tell(std::uint32_t partition, std::uint32_t sink, const worker_actor& to);
  void tell_feeder(std::uint32_t partition, const caf::actor& to);
  void write_entries(const sink_work_ptr& w, const caf::actor& from);
  void sync();
  void beat();

private:
  struct waiting {
    std::uint32_t sink;
    worker_actor from; // null: a feeder, which needs no word
    offset upto;
  };
  [[nodiscard]] offset held(std::uint32_t partition);
  bool write(const outgoing_batch& batch, std::uint32_t sink, const worker_actor& from);

  caf::event_based_actor* self_;
  event_sink_setup s_;
  std::unique_ptr<event_sink> sink_;
  std::map<partition_id, offset> held_; ///< written, maybe not synced
  std::map<partition_id, waiting> unsynced_;
  std::size_t unsynced_bytes_ = 0;
};
caf::behavior event_sink_actor(caf::stateful_actor<event_sink_state>* self, event_sink_setup setup);

/// A sink of sealed rows. Messages:
///
///     (resume, sink, schema, view)   → (durable, sink, window end)
///     (sealed_ptr, sink, view)       → (durable, sink, window end)
///     drain
struct sealed_sink_setup {
  sink_common common;
  std::function<result<std::unique_ptr<sealed_sink>>()> make;
};
struct sealed_sink_state {
  static inline const char* name = "sealed_sink";
  sealed_sink_setup setup;
  std::unique_ptr<sealed_sink> sink;
  std::shared_ptr<const view_schema> schema;
  event_time held = time_min;
  sealed_windows waiting; ///< written together at the next beat
  caf::actor from;
  std::uint32_t index = 0;
  bool due = false;
  void write();
};
caf::behavior sealed_sink_actor(caf::stateful_actor<sealed_sink_state>* self, sealed_sink_setup setup);

/// Keeps an outside store equal to views by following their cells; no messages but `beat` and `drain`, and
/// nobody waits for it.
struct mirror_setup {
  sink_common common;
  std::function<result<std::unique_ptr<view_mirror>>()> make;
  std::vector<std::shared_ptr<const view_cell>> cells;
  std::chrono::milliseconds tick{100};
  std::function<result<std::unique_ptr<log_mirror>>()> make_logs{}; ///< where there are `logs`
  std::vector<std::shared_ptr<const alert_cell>> logs{};
};
struct mirror_state {
  static inline const char* name = "mirror";
  struct position {
    std::uint64_t epoch = 0, offset = 0;
    bool known = false; ///< the store was asked since the last error
    std::chrono::steady_clock::time_point checked{};
  };
  mirror_setup setup;
  std::unique_ptr<view_mirror> mirror;
  struct log_place {
    std::optional<log_position> at; ///< as far as the store goes
    bool known = false;
    std::chrono::steady_clock::time_point checked{};
  };
  std::vector<position> at;
  std::unique_ptr<log_mirror> logs;
  std::vector<log_place> logs_at;
  std::chrono::milliseconds backoff{0};
  void follow();
  status follow_one(std::size_t i);
  status follow_log(std::size_t i);
  status make_all();
};
caf::behavior mirror_actor(caf::stateful_actor<mirror_state>* self, mirror_setup setup);

/// Stores checkpoints on a thread of its own. Messages: (saved, key, checkpoint_ptr, worker) → (saved, …) to
/// the worker.
struct saver_setup {
  checkpoint_store* store = nullptr;
  std::shared_ptr<board> status;
  /// After a save: the table versions that checkpoints of this key need.
  std::function<void(const std::string& key, const std::vector<std::string>& tables)> needed_tables;
};
struct saver_state {
  static inline const char* name = "saver";
  saver_setup setup;
};
caf::behavior saver_actor(caf::stateful_actor<saver_state>* self, saver_setup setup);

} // namespace tidemill
