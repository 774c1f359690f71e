#pragma once

#include "actors/messages.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/exit_reason.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <caf/send.hpp>

#include <vector>

namespace tidemill::test {

/// Actors on one thread and a clock that stands still: `run` delivers messages until there are none,
/// `advance` moves the clock and delivers what that brings.
struct actor_fixture {
  struct config : caf::actor_system_config {
    config() {
      set("scheduler.policy", caf::atom("testing"));
      add_message_types<caf::id_block::tidemill>();
    }
  };
  config settings;
  caf::actor_system system{settings};
  caf::scheduler::test_coordinator& scheduler =
      dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler());
  std::vector<caf::actor> actors; ///< ended with the fixture

  actor_fixture() = default;
  actor_fixture(const actor_fixture&) = delete;
  actor_fixture& operator=(const actor_fixture&) = delete;
  ~actor_fixture() { stop_all(); }

  caf::actor keep(caf::actor a) {
    actors.push_back(a);
    return a;
  }
  void stop_all() {
    for (const auto& a : actors)
      caf::anon_send_exit(a, caf::exit_reason::kill);
    actors.clear();
    scheduler.run();
  }
  void run() { scheduler.run(); }
  void advance(std::chrono::milliseconds d) {
    scheduler.advance_time(d);
    run();
  }
  /// Moves the clock in small steps, as beats need.
  void pass(std::chrono::milliseconds d, std::chrono::milliseconds step = std::chrono::milliseconds{10}) {
    for (; d.count() > 0; d -= step)
      advance(step);
  }
};

} // namespace tidemill::test
