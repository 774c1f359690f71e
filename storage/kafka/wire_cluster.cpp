#include "storage/kafka/wire_cluster.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>

namespace tidemill {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds first_pause{50}, longest_pause{2'000};
constexpr std::int32_t nobody = -1;

std::uint64_t reconnects_of(const wire_broker& b) {
  return b.connects() > 0 ? b.connects() - 1 : 0;
}

} // namespace

wire_cluster::wire_cluster(std::vector<broker_address> bootstrap, std::string client_id,
                           wire_buffer_pool& pool, wire_listener& listener)
    : bootstrap_(std::move(bootstrap)), client_id_(std::move(client_id)), pool_(pool), listener_(listener),
      wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

wire_cluster::~wire_cluster() {
  ::close(wake_);
}

template <class Do>
void wire_cluster::each(Do what) const {
  for (const auto& [node, broker] : brokers_)
    what(*broker);
  if (first_)
    what(*first_);
}

void wire_cluster::learn(const std::vector<metadata_answer::broker>& all) {
  known_.clear();
  for (const auto& b : all)
    known_.emplace(b.id, b.at);
  trouble_.clear();
}

void wire_cluster::need(const std::set<std::int32_t>& leaders) {
  needed_ = leaders;
}

/// Brokers for what is known and needed, and no others.
void wire_cluster::apply() {
  for (auto it = brokers_.begin(); it != brokers_.end();) {
    auto known = known_.find(it->first);
    if (known != known_.end() && known->second == it->second->address() && needed_.contains(it->first)) {
      ++it;
      continue;
    }
    gone_reconnects_ += reconnects_of(*it->second);
    listener_.on_lost(*it->second);
    it = brokers_.erase(it);
  }
  for (auto node : needed_)
    if (auto known = known_.find(node); known != known_.end() && !brokers_.contains(node))
      brokers_[node] = std::make_unique<wire_broker>(node, known->second, client_id_, pool_, listener_);
}

wire_broker* wire_cluster::find(std::int32_t node) {
  auto it = brokers_.find(node);
  return it == brokers_.end() ? nullptr : it->second.get();
}

wire_broker* wire_cluster::somebody(clock::time_point at) {
  auto connected = false;
  for (const auto& [node, broker] : brokers_) {
    if (broker->idle() && broker->trouble(at).empty())
      return broker.get();
    connected |= broker->connected() && broker->trouble(at).empty();
  }
  if (connected)
    return nullptr;
  if (!first_ && at >= next_turn_) {
    auto all = bootstrap_;
    for (const auto& [node, address] : known_)
      if (std::ranges::find(all, address) == all.end())
        all.push_back(address);
    if (all.empty())
      return nullptr;
    auto rounds = turn_ / all.size();
    next_turn_ =
        at + (rounds == 0 ? milliseconds{0}
                          : std::min(longest_pause, first_pause * (1 << std::min<std::size_t>(rounds, 6))));
    first_ = std::make_unique<wire_broker>(nobody, all[turn_++ % all.size()], client_id_, pool_, listener_);
    first_->drive(at, false);
  }
  return first_ && first_->idle() ? first_.get() : nullptr;
}

void wire_cluster::drive(clock::time_point at) {
  apply();
  each([&](wire_broker& b) { b.drive(at, false); });
  if (!first_)
    return;
  auto others = std::ranges::any_of(brokers_, [](const auto& b) { return b.second->connected(); });
  if (auto why = first_->trouble(at); !why.empty()) {
    trouble_ = std::move(why);
    listener_.on_lost(*first_);
    first_.reset();
  } else if (first_->idle()) {
    turn_ = 0;
    trouble_.clear();
    if (others)
      first_.reset();
  }
}

bool wire_cluster::wait(clock::time_point until) {
  auto at = clock::now();
  std::vector<pollfd> on{{wake_, POLLIN, 0}};
  std::vector<wire_broker*> who{nullptr};
  each([&](wire_broker& b) {
    until = std::min(until, b.due(at));
    if (b.descriptor() < 0)
      return;
    on.push_back({b.descriptor(), static_cast<short>(POLLIN | (b.wants_write() ? POLLOUT : 0)), 0});
    who.push_back(&b);
  });
  if (!first_ && brokers_.empty())
    until = std::min(until, std::max(next_turn_, at));
  auto ms = std::chrono::ceil<milliseconds>(until - at).count();
  auto n = ::poll(on.data(), on.size(), static_cast<int>(std::clamp<std::int64_t>(ms, 0, 60'000)));
  if (n <= 0)
    return false;
  at = clock::now();
  for (std::size_t i = 1; i < on.size(); ++i)
    if (on[i].revents != 0)
      who[i]->drive(at, (on[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0);
  std::uint64_t count = 0;
  return on[0].revents != 0 && ::read(wake_, &count, sizeof count) > 0;
}

void wire_cluster::wake() noexcept {
  std::uint64_t one = 1;
  [[maybe_unused]] auto n = ::write(wake_, &one, sizeof one);
}

std::uint64_t wire_cluster::reconnects() const noexcept {
  auto sum = gone_reconnects_;
  for (const auto& [node, broker] : brokers_)
    sum += reconnects_of(*broker);
  return sum;
}

std::size_t wire_cluster::unreachable(clock::time_point at) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(brokers_, [&](const auto& b) { return !b.second->trouble(at).empty(); }));
}

} // namespace tidemill
