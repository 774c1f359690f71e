#include "storage/kafka/wire_fetcher.hpp"

#include "storage/kafka/wire_asking.hpp"
#include "storage/kafka/wire_cluster.hpp"

#include <algorithm>

namespace tidemill {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using clock = wire_cluster::clock;

constexpr milliseconds first_refresh_pause{100}, longest_refresh_pause{1'000};
constexpr seconds metadata_age{60}, trouble_told{5};

/// `host:port`, `host`, `[::1]:port`.
broker_address broker_at(std::string_view text) {
  constexpr std::uint16_t usual_port = 9092;
  auto colon = text.rfind(':');
  auto bracket = text.rfind(']');
  broker_address a{std::string{text}, usual_port};
  if (colon != text.npos && (bracket == text.npos || bracket < colon)) {
    a.host = text.substr(0, colon);
    a.port = static_cast<std::uint16_t>(std::atoi(std::string{text.substr(colon + 1)}.c_str()));
  }
  if (a.host.starts_with('[') && a.host.ends_with(']'))
    a.host = a.host.substr(1, a.host.size() - 2);
  return a;
}

std::vector<broker_address> brokers_at(const std::vector<std::string>& texts) {
  std::vector<broker_address> all;
  for (const auto& t : texts)
    all.push_back(broker_at(t));
  return all;
}

class wire_fetcher final : public fetcher, private wire_listener {
public:
  wire_fetcher(const std::vector<std::string>& bootstrap, std::string client_id, settings s)
      : s_(s), cluster_(brokers_at(bootstrap), std::move(client_id), with_.pool, *this) {
    with_.read_committed = s.read_committed;
    with_.meta = s.meta;
    with_.check_crcs = s.check_crcs;
  }

  status seek(partition_id p, const topic_partition& from, offset at) override;
  void forget(partition_id p) override {
    if (auto* part = find(p))
      parts_[to_index(part->id)].reset();
  }
  status poll(const std::vector<partition_id>& wanted, std::size_t max_bytes, milliseconds wait,
              std::vector<polled>& out) override;
  void wake() noexcept override { cluster_.wake(); }
  [[nodiscard]] bool knows_topic(partition_id p) const override {
    const auto* part = find(p);
    return part && part->topic_id != topic_uuid{};
  }
  [[nodiscard]] std::uint64_t lag(partition_id p) const override {
    const auto* part = find(p);
    return part ? part->lag() : 0;
  }
  [[nodiscard]] std::vector<source_gauge> gauges() const override;

private:
  void on_metadata(metadata_answer a) override;
  void on_offsets(wire_broker& from, std::vector<offset_answer> a) override;
  void on_records(wire_broker& from, const fetched_partition& head, wire_buffer_ptr records) override;
  void on_fetched(wire_broker& from, broker_error e, milliseconds throttled) override;
  void on_lost(wire_broker& from) override;

  [[nodiscard]] wire_part* find(partition_id p) const {
    auto i = to_index(p);
    return i < parts_.size() ? parts_[i].get() : nullptr;
  }
  template <class Do>
  void each(Do what) const {
    for (const auto& p : parts_)
      if (p)
        what(*p);
  }
  /// The partition that was asked for, unless it has been sought since.
  wire_part* still_wanted(const asked_partition& a) const {
    auto* part = find(a.id);
    return part && part->generation == a.generation ? part : nullptr;
  }
  void want(const std::vector<partition_id>& wanted);
  void steer(clock::time_point at, std::size_t max_bytes);
  void refresh_metadata(clock::time_point at);
  void ask(wire_lane& lane, wire_broker& broker, clock::time_point at, const fetch_sizes& sizes);
  void release(wire_lane& lane);
  [[nodiscard]] status trouble(const std::vector<partition_id>& wanted, clock::time_point at) const;

  settings s_;
  wire_decoding with_;
  wire_cluster cluster_;
  std::vector<std::unique_ptr<wire_part>> parts_; ///< by partition id
  std::uint64_t generations_ = 0;
  std::map<std::int32_t, wire_lane> lanes_; ///< by leader

  std::map<std::string, metadata_answer::topic> topics_; ///< as last told
  bool refresh_ = false;
  clock::time_point refresh_at_{}; ///< not before
  milliseconds refresh_pause_ = first_refresh_pause;
  const wire_broker* refreshing_ = nullptr; ///< who is asked

  std::uint64_t bytes_ = 0, fetches_ = 0;
  milliseconds throttled_{0};
};

status wire_fetcher::seek(partition_id p, const topic_partition& from, offset at) {
  if (at > static_cast<offset>(INT64_MAX))
    return error{errc::out_of_range, from.topic + "-" + std::to_string(from.number) +
                                         ": there is no offset " + std::to_string(at)};
  if (parts_.size() <= to_index(p))
    parts_.resize(to_index(p) + 1);
  auto& part = parts_[to_index(p)];
  part = std::make_unique<wire_part>(p, from, static_cast<std::int64_t>(at), ++generations_);
  if (auto t = topics_.find(from.topic); t != topics_.end())
    part->on_topic(clock::now(), t->second);
  return {};
}

void wire_fetcher::want(const std::vector<partition_id>& wanted) {
  each([](wire_part& p) { p.wanted = false; });
  for (auto p : wanted)
    if (auto* part = find(p))
      part->wanted = true;
}

status wire_fetcher::poll(const std::vector<partition_id>& wanted, std::size_t max_bytes, milliseconds wait,
                          std::vector<polled>& out) {
  const auto until = clock::now() + wait;
  const auto before = out.size();
  want(wanted);
  auto woken = cluster_.wait(clock::now());
  for (;;) {
    for (auto p : wanted)
      if (auto* part = find(p))
        part->hand_on(max_bytes, with_, out);
    auto at = clock::now();
    // The next answers come while these batches are worked on.
    steer(at, max_bytes);
    if (out.size() != before)
      return {};
    if (woken || at >= until)
      return trouble(wanted, at);
    woken = cluster_.wait(until);
  }
}

/// Asks all brokers that have nothing to do.
void wire_fetcher::steer(clock::time_point at, std::size_t max_bytes) {
  cluster_.drive(at);
  std::set<std::int32_t> leaders;
  std::size_t waiting = 0;
  for (auto& [node, lane] : lanes_)
    lane.parts.clear();
  each([&](wire_part& p) {
    waiting += p.records.waiting();
    if (p.now == wire_part::phase::at_rest)
      return;
    refresh_ |= p.leader < 0;
    if (p.leader < 0)
      return;
    leaders.insert(p.leader);
    lanes_[p.leader].parts.push_back(&p);
  });
  cluster_.need(leaders);
  refresh_metadata(at);
  for (const auto& [node, lane] : lanes_)
    waiting += lane.in_flight;
  auto sizes = fetch_sizes{.usual = max_bytes,
                           .room = s_.read_ahead > waiting ? s_.read_ahead - waiting : 0,
                           .lanes = leaders.size(),
                           .nothing_waits = waiting == 0};
  for (auto& [node, lane] : lanes_)
    if (auto* broker = cluster_.find(node); broker && broker->idle() && at >= lane.not_before)
      ask(lane, *broker, at, sizes);
}

void wire_fetcher::refresh_metadata(clock::time_point at) {
  auto due = refresh_ ? refresh_at_ : refresh_at_ + metadata_age;
  if (refreshing_ || at < due)
    return;
  std::set<std::string_view> names;
  each([&](wire_part& p) { names.insert(p.from.topic); });
  if (names.empty())
    return;
  auto* broker = cluster_.somebody(at);
  if (!broker)
    return;
  refresh_at_ = at + refresh_pause_;
  refresh_pause_ = std::min(longest_refresh_pause, 2 * refresh_pause_);
  refreshing_ = broker;
  broker->ask_metadata(at, std::vector<std::string_view>(names.begin(), names.end()));
}

void wire_fetcher::ask(wire_lane& lane, wire_broker& broker, clock::time_point at, const fetch_sizes& sizes) {
  if (auto offsets = plan_offsets(lane, at); !offsets.empty())
    return broker.ask_offsets(at, offsets);
  wire_fetch_terms terms;
  terms.read_committed = s_.read_committed;
  auto fetch = plan_fetch(lane, at, sizes, terms);
  if (fetch.empty())
    return;
  ++fetches_;
  broker.ask_fetch(at, terms, fetch);
}

void wire_fetcher::release(wire_lane& lane) {
  for (const auto& a : lane.asked)
    if (auto* part = still_wanted(a))
      part->in_flight = false;
  lane.asked.clear();
  lane.next = lane.in_flight = 0;
}

void wire_fetcher::on_metadata(metadata_answer a) {
  refreshing_ = nullptr;
  refresh_ = false;
  cluster_.learn(a.brokers);
  topics_.clear();
  for (auto& t : a.topics)
    topics_[t.name] = std::move(t);
  auto at = clock::now();
  each([&](wire_part& p) {
    if (auto t = topics_.find(p.from.topic); t != topics_.end())
      refresh_ |= p.on_topic(at, t->second);
  });
  if (!refresh_)
    refresh_pause_ = first_refresh_pause;
}

void wire_fetcher::on_offsets(wire_broker& from, std::vector<offset_answer> answers) {
  auto& lane = lanes_[from.node()];
  auto at = clock::now();
  for (const auto& a : answers)
    for (const auto& asked : lane.asked)
      if (auto* part = still_wanted(asked);
          part && part->from.number == a.number && part->from.topic == a.topic)
        refresh_ |= part->on_offset(at, a);
  release(lane);
}

void wire_fetcher::on_records(wire_broker& from, const fetched_partition& head, wire_buffer_ptr records) {
  auto& lane = lanes_[from.node()];
  bytes_ += head.records;
  lane.arrived += head.records;
  // Answers mostly come in the order of the request.
  for (std::size_t i = 0; i < lane.asked.size(); ++i) {
    const auto& a = lane.asked[(lane.next + i) % lane.asked.size()];
    auto* part = find(a.id);
    if (!part || part->from.number != head.number ||
        (head.topic.empty() ? part->topic_id != head.id : part->from.topic != head.topic))
      continue;
    lane.next += i + 1;
    if (part->generation == a.generation)
      refresh_ |= part->on_records(clock::now(), head, std::move(records), s_.read_committed);
    return;
  }
}

void wire_fetcher::on_fetched(wire_broker& from, broker_error e, milliseconds throttled) {
  auto& lane = lanes_[from.node()];
  auto at = clock::now();
  lane.note(at);
  throttled_ += throttled;
  lane.not_before = at + throttled;
  if (e != broker_error::none) {
    refresh_ = true;
    lane.not_before = at + std::max(throttled, first_refresh_pause);
  }
  release(lane);
}

void wire_fetcher::on_lost(wire_broker& from) {
  refresh_ = true;
  if (refreshing_ == &from)
    refreshing_ = nullptr;
  if (auto lane = lanes_.find(from.node()); lane != lanes_.end())
    release(lane->second);
}

/// Why nothing comes, if that is so for all partitions that are wanted.
status wire_fetcher::trouble(const std::vector<partition_id>& wanted, clock::time_point at) const {
  std::string first;
  for (auto p : wanted) {
    const auto* part = find(p);
    if (!part || part->now == wire_part::phase::at_rest)
      continue;
    std::string why;
    if (auto* broker = const_cast<wire_cluster&>(cluster_).find(part->leader))
      why = broker->trouble(at);
    else
      why = cluster_.trouble();
    if (why.empty() && !part->trouble.empty() && at - part->troubled_since > trouble_told)
      why = part->trouble;
    if (why.empty())
      return {};
    if (first.empty())
      first = std::move(why);
  }
  if (first.empty())
    return {};
  return error{errc::unavailable, first};
}

std::vector<source_gauge> wire_fetcher::gauges() const {
  auto at = clock::now();
  std::size_t waiting = 0, held = 0;
  each([&](const wire_part& p) {
    waiting += p.records.waiting();
    held += p.trouble.empty() ? 0 : 1;
  });
  return {
      {"bytes_fetched_total", "Bytes of records received from brokers", static_cast<double>(bytes_)},
      {"fetch_requests_total", "Fetch requests sent", static_cast<double>(fetches_)},
      {"throttle_ms", "Milliseconds that brokers held us back, in all",
       static_cast<double>(throttled_.count())},
      {"reconnects_total", "Connections to brokers begun anew", static_cast<double>(cluster_.reconnects())},
      {"brokers_unreachable", "Brokers that lead partitions and don't answer",
       static_cast<double>(cluster_.unreachable(at))},
      {"partitions_held", "Partitions that can't be fetched now", static_cast<double>(held)},
      {"read_ahead_bytes", "Bytes that wait to be handed on", static_cast<double>(waiting)},
  };
}

} // namespace

std::unique_ptr<fetcher> make_wire_fetcher(const std::vector<std::string>& bootstrap, std::string client_id,
                                           fetcher::settings s) {
  return std::make_unique<wire_fetcher>(bootstrap, std::move(client_id), s);
}

} // namespace tidemill
