#pragma once

#include "actors/messages.hpp"
#include "actors/restart_policy.hpp"
#include "actors/worker.hpp"

#include <caf/actor.hpp>
#include <caf/behavior.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace tidemill {

/// What the supervisor starts and restarts. Order of starting: publishers, sinks, views, workers.
struct supervised {
  enum class kind : std::uint8_t { publisher, sink, feeder, view, worker, saver };
  std::string name; ///< for texts: `worker clicks/3`
  kind of{};
  std::size_t source = 0,
              index = 0; ///< of a worker: its partition; of a view: in its source; of a sink: in the plan
  /// Starts an incarnation; `suspected` is for workers.
  std::function<caf::actor(caf::event_based_actor* parent, std::uint64_t incarnation,
                           const suspects& suspected)>
      start;
  /// Children (by their number) that must start anew after this one has: those who rely on what it has
  /// forgotten.
  std::vector<std::size_t> dependants;
  bool parked = false; ///< a worker whose partition is not ours (yet): started when it is assigned
};

struct supervisor_setup {
  std::vector<supervised> children;
  restart_policy::limits limits;
  std::shared_ptr<board> status;
  /// The pipeline can't go on: the reason. Called once; whoever gets it stops everything and exits non-zero.
  std::function<void(std::string)> failed;
  /// The worker of a revoked partition has saved and ended.
  std::function<void(std::size_t source, std::size_t partition)> released = {};
};

/// One for all actors of a pipeline: restarts with backoff, finds poisonous records, escalates. Dynamic
/// messages:
///
///     (restart, child)      internal
///     drain                 workers flush, save and end; then views, feeders, sinks, publishers; then this
///     actor (fatal, text)         something outside (a source) has failed for good (assigned, source,
///     partition)         its worker may start (revoked, source, partition, lost)    its worker saves and
///     ends; lost: ends at once (halted, source, partition, text)     its worker ends and stays so; the
///     others go on
class supervisor_state {
public:
  static inline const char* name = "supervisor";
  explicit supervisor_state(caf::event_based_actor* self) : self_(self) {}

  void start(supervisor_setup setup);
  void down(const caf::down_msg& dm);
  void restart(std::size_t child);
  void drain();
  void assigned(std::size_t source, std::size_t partition);
  void revoked(std::size_t source, std::size_t partition, bool lost);
  void halted(std::size_t source, std::size_t partition, const std::string& why);
  void fail(std::string why);
  [[nodiscard]] caf::actor handle(std::size_t i) const { return children_[i].handle; }

private:
  struct child {
    caf::actor handle;
    restart_policy policy;
    std::uint64_t incarnation = 0;
    suspects suspected;
    bool waiting = false; ///< a restart is on its way
    bool parked = false;
    bool leaving = false; ///< parked, and somebody waits for its end
  };
  [[nodiscard]] std::size_t worker_of(std::size_t source, std::size_t partition) const;
  void park(std::size_t i, bool at_once);
  void launch(std::size_t i);
  void suspect(std::size_t i);
  void drain_next();

  caf::event_based_actor* self_;
  supervisor_setup s_;
  std::vector<child> children_;
  std::minstd_rand jitter_{12345}; // spreads restarts; its quality doesn't matter
  bool failed_ = false, draining_ = false;
};

caf::behavior supervisor(caf::stateful_actor<supervisor_state>* self, supervisor_setup setup);

} // namespace tidemill
