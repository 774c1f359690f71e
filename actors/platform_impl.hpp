// What a platform is made of; for platform*.cpp alone.
#pragma once

#include "actors/alert_hold.hpp"
#include "actors/components.hpp"
#include "actors/platform.hpp"
#include "actors/publisher.hpp"
#include "actors/sinks.hpp"
#include "actors/source.hpp"
#include "actors/supervisor.hpp"
#include "actors/table_shelf.hpp"
#include "actors/view_table.hpp"
#include "http/server.hpp"
#include "storage/log/data_lock.hpp"
#include "storage/log/exchange_log.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

namespace tidemill {

inline event_time wall_now() {
  return std::chrono::time_point_cast<microseconds>(std::chrono::system_clock::now());
}

inline std::chrono::milliseconds milliseconds_of(microseconds t) {
  return std::max(std::chrono::milliseconds{1}, std::chrono::duration_cast<std::chrono::milliseconds>(t));
}

struct system_config : caf::actor_system_config {
  explicit system_config(std::size_t threads) {
    set("scheduler.policy", caf::atom("sharing"));
    set("scheduler.max-threads", threads);
    set("scheduler.max-throughput", std::size_t{50});
    add_message_types<caf::id_block::tidemill>();
  }
};

struct running_view {
  std::size_t source = 0, index = 0;
  const view_plan* plan = nullptr;
  std::shared_ptr<view_cell> cell;
  std::vector<std::shared_ptr<alert_cell>> alerts; ///< of its rules
  std::vector<std::shared_ptr<alert_hold>> holds;  ///< likewise: what sinks have of them
};

struct platform::impl {
  impl(std::shared_ptr<const plan> p, run_settings s) : all(std::move(p)), settings(std::move(s)) {}
  ~impl() {
    starter = {};   // it uses all that follows
    server.reset(); // its answers, too
  }

  std::shared_ptr<const plan> all;
  run_settings settings;
  std::unique_ptr<data_candidate> candidate;
  std::unique_ptr<data_directory> data;
  std::unique_ptr<checkpoint_store> checkpoints;
  std::shared_ptr<dead_letter_log> dead_letters;
  std::unique_ptr<table_shelf> tables;
  std::shared_ptr<board> boards = std::make_shared<board>();
  std::shared_ptr<tap_board> taps = std::make_shared<tap_board>(all);
  std::shared_ptr<std::atomic<bool>> stopping = std::make_shared<std::atomic<bool>>(false);
  std::unique_ptr<http_server> server;
  std::vector<running_view> views;
  std::vector<std::unique_ptr<source_runner>> runners;
  std::vector<std::shared_ptr<ingest_log>> ingests;
  std::vector<std::shared_ptr<exchange_log>> exchanges; ///< by source; null for others
  std::vector<sink_input> numbered; ///< how sinks tell partitions of several sources apart
  std::unique_ptr<system_config> config;
  std::unique_ptr<caf::actor_system> system;
  caf::actor supervising;
  std::vector<caf::actor> handles; ///< of children, by number; touched by the supervisor alone
  std::uint64_t epoch = 0;

  mutable std::mutex mutex;
  std::string failure;
  std::atomic<bool> failed{false};
  std::atomic<double> events_per_second{0};

  /// Where the start is; `starter` goes on behind `waiting`.
  enum class phase : std::uint8_t { starting, waiting, running, failed };
  std::condition_variable phase_changed;
  phase now = phase::starting;
  error start_failure;
  std::atomic<bool> data_open{false}; ///< `data` and what lies in it may be used by others than the starter
  std::atomic<bool> disk_is_full{false}; ///< the start waits for room
  std::atomic<bool> shown_unheld{false}; ///< rows were shown of a data folder that nobody held
  std::atomic<bool> running{false};      ///< actors are there
  std::atomic<bool> grown{false};        ///< a source has more partitions than we were built for
  std::jthread starter;

  [[nodiscard]] const options& engine() const { return all->written.engine; }

  void fail(std::string why) {
    std::lock_guard lock{mutex};
    if (failure.empty())
      failure = std::move(why);
    failed = true;
  }

  void enter(phase p, error why = {});
  status join_data();
  status stand_by(const std::stop_token& stop);
  status open_data();
  void make_boards();
  status open_sources(const std::stop_token& stop);
  void show_kept_rows(std::size_t s, std::size_t partitions, const std::filesystem::path& state,
                      const std::string& why);
  void show_full_disk(const error& why);
  void show_room();
  status when_room(const std::stop_token& stop, const std::function<status()>& step);
  status open_source(std::size_t s, const std::stop_token& stop);
  [[nodiscard]] result<made_source> make_input(std::size_t s);
  status start_engine(const std::stop_token& stop);
  status choose_epoch();
  status start_http();
  void start_actors();
  [[nodiscard]] source_runner::listener listener_of(std::size_t s);
  void serve();
  std::size_t add(std::vector<supervised>& children, supervised child);
  void add_saver(std::vector<supervised>& children);
  void add_publishers(std::vector<supervised>& children);
  [[nodiscard]] caf::actor spawn_sink(caf::event_based_actor* parent, std::size_t i,
                                      const sink_common& shown);
  void add_sinks(std::vector<supervised>& children);
  void add_feeders(std::vector<supervised>& children);
  [[nodiscard]] std::vector<std::shared_ptr<alert_cell>> logs_of(const sink_plan& s) const;
  [[nodiscard]] std::shared_ptr<alert_hold> hold_of(const std::shared_ptr<alert_cell>& log) const;
  void add_views(std::vector<supervised>& children);
  void add_workers(std::vector<supervised>& children);
  [[nodiscard]] sink_common common(std::size_t sink, std::string name) const;
  [[nodiscard]] bool finished() const;
  [[nodiscard]] std::uint64_t events() const;
  std::string shut_down();

  // Numbers of children, by kind.
  std::size_t saver = 0;
  std::vector<std::size_t> publisher_of, view_of;     ///< by running view
  std::map<std::size_t, std::size_t> sink_of;         ///< plan's sink → child
  std::vector<std::size_t> dead_letters_of;           ///< by source
  std::vector<std::vector<std::size_t>> worker_of;    ///< by source, partition
  std::vector<std::unique_ptr<record_source>> opened; ///< before their runners take them
  std::vector<partitioner> routes;                    ///< of http sources
};

} // namespace tidemill
