#pragma once

#include "storage/kafka/wire_broker.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace tidemill {

/// The brokers that we talk to: those that lead our partitions, and while none of them can be asked, one that
/// knows the others. One thread, but `wake`.
class wire_cluster {
public:
  using clock = wire_broker::clock;

  wire_cluster(std::vector<broker_address> bootstrap, std::string client_id, wire_buffer_pool& pool,
               wire_listener& listener);
  ~wire_cluster();
  wire_cluster(const wire_cluster&) = delete;
  wire_cluster& operator=(const wire_cluster&) = delete;

  /// All brokers, as told; effective from the next `drive` on.
  void learn(const std::vector<metadata_answer::broker>& all);
  /// Those that lead partitions; connections to others are closed.
  void need(const std::set<std::int32_t>& leaders);
  /// The broker with this id, if it is known and needed.
  [[nodiscard]] wire_broker* find(std::int32_t node);
  /// Whom to ask about the cluster now; null: nobody yet. May begin to connect.
  [[nodiscard]] wire_broker* somebody(clock::time_point at);
  /// Why nobody can be asked; empty: it can, or is not known yet.
  [[nodiscard]] std::string trouble() const { return trouble_; }

  void drive(clock::time_point at);
  /// Waits for something to arrive, and hands it to the listener. True: woken by `wake`.
  bool wait(clock::time_point until);
  void wake() noexcept;

  [[nodiscard]] std::uint64_t reconnects() const noexcept;
  [[nodiscard]] std::size_t unreachable(clock::time_point at) const;

private:
  template <class Do>
  void each(Do what) const;
  void apply();

  std::vector<broker_address> bootstrap_;
  std::string client_id_;
  wire_buffer_pool& pool_;
  wire_listener& listener_;
  int wake_ = -1;

  std::map<std::int32_t, broker_address> known_;
  std::set<std::int32_t> needed_;
  std::map<std::int32_t, std::unique_ptr<wire_broker>> brokers_;
  std::uint64_t gone_reconnects_ = 0;

  std::unique_ptr<wire_broker> first_; ///< knows the others
  std::size_t turn_ = 0;
  clock::time_point next_turn_{};
  std::string trouble_;
};

} // namespace tidemill
