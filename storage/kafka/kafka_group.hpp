#pragma once

#include "event/ids.hpp"
#include "event/result.hpp"
#include "storage/kafka/fetcher.hpp"
#include "storage/kafka/kafka_settings.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace tidemill {

class kafka_client;

/// What the library hands to us and takes back; defined in the source.
struct kafka_lists;

/// Membership of a consumer group: which partitions are ours, and what is committed for them. Reads no
/// records: all partitions are paused. Static membership: the newest process of an instance id has the
/// partitions, and an earlier one is fenced. Internal to this folder; one thread.
class kafka_group {
public:
  struct settings {
    kafka_client_settings client;
    std::vector<std::string> topics;
    std::string group, instance;         ///< without an instance: a dynamic member, which leaves at its end
    std::chrono::milliseconds session{}; ///< 0: the library's default
    std::string metadata;                ///< goes with every commit
    std::function<void()> event;         ///< `serve` has something to do; any thread
  };
  struct change {
    enum class kind : std::uint8_t { assigned, revoked, lost } what;
    topic_partition at;
  };

  /// Not yet a member. Errors: `config_invalid`.
  [[nodiscard]] static result<std::unique_ptr<kafka_group>> make(settings s);
  ~kafka_group();
  /// Tries for a second to commit what is waiting, and for another one to close; what takes longer goes on in
  /// a thread of its own. Our instance stays a member until the session ends or a newer process takes its
  /// place.
  static void end(std::unique_ptr<kafka_group> group);
  kafka_group(const kafka_group&) = delete;
  kafka_group& operator=(const kafka_group&) = delete;

  /// For questions to the cluster.
  [[nodiscard]] kafka_client& client() noexcept { return *client_; }
  status join();

  /// Serves what came, without waiting. Revoked partitions stay ours until all of them are released. Errors:
  /// `fenced`; `unavailable`, `refused` with what the group's coordinator said.
  status serve(std::vector<change>& out);
  void release(const topic_partition& at);
  /// Committed soon, at most once a second; a later one for the same partition replaces it.
  void commit(const topic_partition& at, offset next);

  /// What the library said of a topic that is to be read and can't be; empty: nothing.
  [[nodiscard]] std::string missing(const std::string& topic) const {
    auto found = missing_.find(topic);
    return found != missing_.end() ? found->second : std::string{};
  }
  /// Assigned, and not given back.
  [[nodiscard]] const std::set<topic_partition>& ours() const noexcept { return ours_; }
  [[nodiscard]] std::uint64_t rebalances() const noexcept { return rebalances_; }
  [[nodiscard]] std::uint64_t commit_failures() const noexcept { return commit_failures_; }

private:
  friend struct kafka_group_callbacks;
  explicit kafka_group(settings s);
  void assigned(kafka_lists& list);
  void revoked(kafka_lists& list);
  void give_back();
  void finish_commits();
  bool close(std::chrono::milliseconds wait);
  void send_commits();
  void take_answers(std::chrono::milliseconds wait);

  settings settings_;
  std::unique_ptr<kafka_client> client_;
  struct queues;
  std::unique_ptr<queues> queues_;        // they end before the client
  std::unique_ptr<kafka_lists> revoking_; // asked for, and not yet given back
  std::set<topic_partition> ours_, unreleased_;
  std::vector<change> changes_;
  std::string problem_; // newest of the coordinator
  errc problem_code_ = errc::none;
  std::map<std::string, std::string> missing_; // topic → what was said, until a partition of it is ours
  std::map<topic_partition, offset> commits_, under_way_;
  std::chrono::steady_clock::time_point committed_at_{};
  std::uint64_t rebalances_ = 0, commit_failures_ = 0;
  bool closing_ = false;
};

} // namespace tidemill
