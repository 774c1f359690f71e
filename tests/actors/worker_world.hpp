#pragma once

#include "actors/sinks.hpp"
#include "actors/worker.hpp"
#include "pipeline/plan.hpp"
#include "pipeline/view.hpp"
#include "tests/actors/actor_fixture.hpp"
#include "tests/storage/disk_fixture.hpp"
#include "tests/support/make_definition.hpp"

#include <caf/event_based_actor.hpp>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace tidemill::test {

/// `t,k` records → view `hits`: count by k in 10 s windows; sink 0 gets all events, sink 1 dead letters.
std::shared_ptr<plan> make_actor_plan();
inline constexpr std::uint32_t event_sink_index = 0, dead_letter_index = 1;

/// A source that sends again from wherever it is asked to.
struct fake_source {
  std::vector<std::string> lines;
  std::size_t batch_size = 4;
  std::size_t upto = 0; ///< lines that are there by now
  bool finite = false;  ///< says when `upto` lines are sent
  std::vector<offset> asked;
  std::shared_ptr<credit_gate> gate;

  /// Offsets have gaps: line i lies at 3i + 1.
  [[nodiscard]] static offset at(std::size_t line) noexcept { return line * 3 + 1; }
  void ready(const worker_actor& to, offset from);
  /// Sends the lines that have come since.
  void grow(std::size_t lines_more);
  void send();

  worker_actor worker;
  std::size_t next = 0;
};

/// A view that answers only what it is told to.
struct fake_view {
  bool says_hello = true, acknowledges = true;
  std::uint64_t incarnation = 1;
  std::unique_ptr<view> state;
  std::size_t flushes = 0;
  std::map<std::int64_t, std::uint64_t> sealed; ///< key → count over all sealed windows
  std::vector<std::pair<worker_actor, link_ack>> held;
};
caf::behavior fake_view_actor(caf::event_based_actor* self, std::shared_ptr<fake_view> v);
/// Adds the sealed rows of a tick.
void add_sealed(std::map<std::int64_t, std::uint64_t>& counts, const view_tick& t);

/// A sink in memory.
struct fake_sink {
  bool resumes = true, syncs = true;
  offset held = 0;
  std::vector<std::string> events;
  std::vector<offset> at; ///< of the events
  worker_actor asked_by;
};
caf::behavior fake_sink_actor(caf::event_based_actor* self, std::shared_ptr<fake_sink> s);

/// One worker with all that it needs; source, view and sinks are fakes, storage is real.
struct worker_world : actor_fixture {
  temporary_folder folder;
  std::shared_ptr<plan> all = make_actor_plan();
  std::shared_ptr<board> status = std::make_shared<board>();
  std::unique_ptr<checkpoint_store> checkpoints;
  std::shared_ptr<fake_source> source = std::make_shared<fake_source>();
  std::shared_ptr<fake_view> view_state = std::make_shared<fake_view>();
  std::shared_ptr<fake_sink> events = std::make_shared<fake_sink>(), dead = std::make_shared<fake_sink>();
  std::vector<offset> released, committed;
  std::set<std::string> versions_asked; ///< of tables, by what the last worker found stored
  caf::actor saver, view_handle, event_sink_handle, dead_sink_handle;

  worker_world();
  ~worker_world();

  /// Of workers that `start` makes.
  std::function<void(worker_setup&)> change_setup;

  [[nodiscard]] worker_setup setup();
  /// Another incarnation of the worker.
  caf::actor start(std::uint64_t incarnation);
  void stop(const caf::actor& worker);
  [[nodiscard]] partition_board& shown() const { return *status->sources[0]->partitions[0]; }
  [[nodiscard]] std::vector<journal_entry> journal() const;
};

} // namespace tidemill::test
