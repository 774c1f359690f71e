#pragma once

#include "actors/board.hpp"
#include "actors/messages.hpp"
#include "actors/tap_board.hpp"
#include "pipeline/partition.hpp"
#include "storage/checkpoint/checkpoint_store.hpp"
#include "storage/log/segment_log.hpp"
#include "storage/log/work_register.hpp"

#include <caf/actor.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <deque>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace tidemill {

/// Records one of which has killed a worker, or the process. The next worker applies them one by one, so that
/// its death names the record; named twice in a row, it is skipped.
struct suspects {
  record_range records;
  std::optional<offset> skip; ///< this record has killed two workers by itself: dead letter

  /// Another one has died of one of these. True: the record has just been found.
  bool blame(record_range died_at);
};

/// In a `saved` message: the checkpoint could not be stored.
inline constexpr offset checkpoint_failed = ~offset{0};

/// An exception of a handler as an error with its text; for `set_exception_handler`.
caf::error describe_exception(std::exception_ptr& e);

/// What a worker needs; the same for every incarnation but for the last members.
struct worker_setup {
  std::shared_ptr<const plan> all;
  std::size_t source = 0;
  partition_id partition{};
  bool arrival_times = false;
  std::string key;      ///< of its checkpoints: `clicks/3`
  std::string identity; ///< of its source
  /// Partitions of this source come and go, and logs may be exchanged under their names: see
  /// `record_source::assigns`. Where to start is on the board, and is saved before the first record.
  bool assigned = false;
  std::filesystem::path journal; ///< folder
  std::filesystem::path at_work; ///< file of its work register; empty: what ends the process is not found
  checkpoint_store* checkpoints = nullptr;
  caf::actor saver;              ///< writes checkpoints
  std::vector<caf::actor> views; ///< of this source, by index
  std::vector<std::pair<std::uint32_t, caf::actor>>
      sinks; ///< event sinks that this source feeds, with their index
  std::uint32_t sink_base =
      0; ///< sinks know this worker's partition as `sink_base` + its own: sources may share them
  partition::table_finder find_table;
  std::function<result<std::vector<std::string>>()> table_versions; ///< the newest version of every table
  /// Versions of tables that a replay may ask for; before the first record.
  std::function<void(const std::set<std::string>&)> stored_versions;
  std::chrono::milliseconds flush{100}, checkpoint{5'000};
  std::size_t checkpoint_bytes = 1u << 30; ///< a checkpoint is due after so many bytes of records, too
  std::size_t unacknowledged =
      64u << 20; ///< bytes of records that may run ahead of what views have acknowledged
  std::shared_ptr<board> status;
  std::shared_ptr<tap_board> taps; ///< may be null
  /// Tells the source's thread where to go on, and whom to feed. Any thread.
  std::function<void(worker_actor, offset, std::optional<record_mark> before)> ready;
  /// Lets a source forget what lies before this offset.
  std::function<void(offset)> release;
  /// A checkpoint is stored.
  std::function<void(offset)> committed;

  std::uint64_t incarnation = 0;
  suspects suspected;
  caf::actor supervisor;
};

/// What a worker does besides its `partition`: journals, sends, acknowledges, saves. See `worker_actor`.
class worker_state {
public:
  static inline const char* name = "worker";
  explicit worker_state(worker_actor::pointer self) : self_(self) {}

  void start(worker_setup setup);
  void apply(const work_ptr& w);
  void ended(offset at);
  void gap(offset wanted, offset available);
  void hello(std::size_t view, const link_hello& h);
  void acked(std::size_t view, const link_ack& a);
  void view_up(std::size_t view, caf::actor handle);
  void resumed(std::size_t sink, offset upto, offset reached);
  void durable(std::size_t sink, offset upto);
  void saved(offset at, offset needed, std::uint64_t journal);
  void beat();
  void drain();

private:
  struct sink_link {
    std::uint32_t index;
    caf::actor handle;
    std::optional<offset> floor; ///< the sink held this when we started; nothing: hasn't said
    offset sent = 0, durable = 0;
    bool follows = false;       ///< an exchange: it wants to know the watermark, too
    event_time told = time_min; ///< of those
  };
  void look_into_register();
  void restore();
  void begin_if_ready();
  void join_views();
  void tell_sinks();
  void note_mark(const record_batch& b);
  [[nodiscard]] bool try_enter(journal_entry e);
  void enter(journal_entry e);
  void refresh_tables();
  [[nodiscard]] bool suspicious(offset end) const noexcept;
  void skip_if_due();
  void apply_carefully(const work_ptr& w);
  void apply_piece(const record_batch_ptr& b, bool careful, const token_ptr& token);
  template <class F>
  void name_culprit(bool careful, offset upto, F&& work);
  void clear_suspects();
  void emit(std::vector<emission> out, const token_ptr& token);
  void flush_views();
  void sync_journal();
  void look_for_idleness();
  void save_if_due(bool now);
  [[nodiscard]] bool nothing_to_save() const;
  void hand_over_checkpoint();
  void release_tokens();
  void show();
  void finish_drain();
  [[nodiscard]] bool links_open() const;
  [[nodiscard]] partition_id at_sinks() const noexcept {
    return static_cast<partition_id>(s_.sink_base + to_index(s_.partition));
  }
  [[nodiscard]] partition_board& shown() const;

  worker_actor::pointer self_;
  worker_setup s_;
  std::unique_ptr<partition> state_;
  std::unique_ptr<segment_log> journal_;
  work_register register_;
  bool journal_dirty_ = false;
  bool started_ = false, joined_ = false, tables_known_ = false, draining_ = false;
  bool fresh_ = false;                               ///< there was neither checkpoint nor journal
  std::vector<link_hello> hellos_;                   ///< by view, while `fresh_`
  std::optional<record_mark> mark_;                  ///< a record before `position`, if there is one
  std::deque<std::pair<offset, record_mark>> marks_; ///< of batches that are not consumed wholly
  std::optional<offset> end_;                        ///< the source has said so, the entry is not taken yet
  std::vector<sink_link> sinks_;
  std::vector<bool> open_;                           ///< links, by view
  std::vector<offset> acked_, flushed_;              ///< by view
  std::deque<std::pair<offset, token_ptr>> held_;    ///< credits kept until views have caught up
  std::deque<std::pair<offset, std::size_t>> ahead_; ///< bytes per batch, not yet acknowledged
  std::size_t ahead_bytes_ = 0;
  std::optional<checkpoint> pending_; ///< waits for its sinks
  bool saving_ = false;
  std::optional<offset> saved_at_;
  std::uint64_t saved_entries_ = 0, snapshot_entries_ = 0; ///< of the journal, at the last ones
  bool table_changed_ = false;                             ///< since the last snapshot
  std::size_t unsaved_bytes_ = 0;                          ///< of records, since the last snapshot
  std::chrono::milliseconds save_again_{0};                ///< after a failed save: wait this long
  std::chrono::steady_clock::time_point last_save_{}, last_entry_{}, idle_since_{};
  std::chrono::steady_clock::time_point last_tables_{};
};

worker_actor::behavior_type worker(worker_actor::stateful_pointer<worker_state> self, worker_setup setup);

} // namespace tidemill
