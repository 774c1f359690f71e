#include "storage/kafka/group_nudge.hpp"

#include "storage/kafka/kafka_group.hpp"

#include <algorithm>
#include <utility>

namespace tidemill {
namespace {

// The first distribution of a group takes a broker 3 s, by default.
constexpr std::chrono::seconds first_pause{5}, longest_pause{300}, longest_stay{15};
constexpr std::chrono::milliseconds guest_session{6'000}; // should it die in there

} // namespace

group_nudge::group_nudge(settings s)
    : set_(std::move(s)), next_(clock::now() + first_pause), pause_(first_pause) {}

group_nudge::~group_nudge() {
  if (guest_)
    kafka_group::end(std::move(guest_));
}

std::vector<std::string> group_nudge::missing(const std::set<topic_partition>& ours) const {
  std::vector<std::string> topics;
  for (const auto& at : set_.wanted)
    if (!ours.contains(at) && (topics.empty() || topics.back() != at.topic))
      topics.push_back(at.topic);
  return topics;
}

void group_nudge::look(const std::set<topic_partition>& ours) {
  auto now = clock::now();
  if (guest_) {
    std::vector<kafka_group::change> got;
    auto served = guest_->serve(got);
    if (!served || !got.empty() || now >= guest_until_)
      kafka_group::end(std::move(guest_)); // which gives all partitions to us
    return;
  }
  if (ours.size() >= set_.wanted.size() && missing(ours).empty())
    next_ = clock::time_point::max(); // all of them: what changes from now on is noticed
  if (now < next_)
    return;
  auto topics = missing(ours);
  if (topics.empty()) {
    next_ = clock::time_point::max(); // what changes from now on is noticed
    return;
  }
  next_ = now + pause_;
  pause_ = std::min(pause_ * 2, longest_pause);
  join(std::move(topics));
}

void group_nudge::join(std::vector<std::string> topics) {
  auto client = set_.client;
  // What others know it by: it is one of ours.
  client.client_id = client.properties["client.id"] = set_.instance + "guest";
  auto made = kafka_group::make({.client = std::move(client),
                                 .topics = std::move(topics),
                                 .group = set_.group,
                                 .instance = {},
                                 .session = guest_session,
                                 .metadata = {},
                                 .event = [] {}});
  if (!made || !(*made)->join())
    return; // again later
  guest_ = std::move(*made);
  guest_until_ = clock::now() + longest_stay;
}

} // namespace tidemill
