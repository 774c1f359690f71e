#pragma once

#include "storage/kafka/fetcher.hpp"
#include "storage/kafka/kafka_settings.hpp"

#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace tidemill {

class kafka_group;

/// Makes a group distribute its partitions anew when it should have and hasn't.
///
/// A static member that comes back within its session gets what it had, though its topics are others by now
/// or have grown meanwhile; nobody looks again before something else happens. Another member that joins for
/// a moment, reads nothing and leaves makes the group look. Some partitions may go to it for that moment.
/// Internal to this folder; one thread.
class group_nudge {
public:
  struct settings {
    kafka_client_settings client;
    std::string group, instance;      ///< with which the ids of our members begin
    std::set<topic_partition> wanted; ///< that are to be read
  };

  explicit group_nudge(settings s);
  ~group_nudge();
  group_nudge(const group_nudge&) = delete;
  group_nudge& operator=(const group_nudge&) = delete;

  /// To be called again and again with what is assigned to us. Doesn't wait.
  void look(const std::set<topic_partition>& ours);

private:
  using clock = std::chrono::steady_clock;
  /// Topics of which a partition is not there.
  [[nodiscard]] std::vector<std::string> missing(const std::set<topic_partition>& ours) const;
  void join(std::vector<std::string> topics);

  settings set_;
  clock::time_point next_;             ///< not before; never again, once all is well
  std::chrono::seconds pause_;         ///< after that
  std::unique_ptr<kafka_group> guest_; ///< while it is in the group
  clock::time_point guest_until_{};
};

} // namespace tidemill
