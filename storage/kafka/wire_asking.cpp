#include "storage/kafka/wire_asking.hpp"

#include <algorithm>

namespace tidemill {
namespace {

using std::chrono::milliseconds;

/// How long a broker may keep a fetch: when nobody else waits for it, when somebody may soon, and when data
/// are collected.
constexpr milliseconds long_wait{100}, short_wait{20}, collecting{5};
constexpr std::size_t worth_collecting = 16u << 10, most_collected = 1u << 20;
/// A partition's share of an answer, and the answer.
constexpr std::size_t smallest_part = 64u << 10, usual_part = 1u << 20, largest_answer = 48u << 20;

} // namespace

void wire_lane::note(clock::time_point at) {
  auto seconds = std::chrono::duration<double>(at - since).count();
  if (seconds <= 0)
    return;
  constexpr double weight = 0.3;
  rate += weight * (static_cast<double>(arrived) / seconds - rate);
  arrived = 0;
  since = at;
}

std::vector<wire_partition_ask> plan_offsets(wire_lane& lane, wire_lane::clock::time_point at) {
  std::vector<wire_partition_ask> all;
  for (auto* p : lane.parts) {
    if (p->now == wire_part::phase::fetching || at < p->retry_at)
      continue;
    all.push_back({.topic = p->from.topic,
                   .number = p->from.number,
                   .at = p->now == wire_part::phase::asking_first ? -2 : -1});
    lane.asked.push_back({p->id, p->generation});
  }
  return all;
}

std::vector<wire_partition_ask> plan_fetch(wire_lane& lane, wire_lane::clock::time_point at,
                                           const fetch_sizes& sizes, wire_fetch_terms& terms) {
  auto usual = std::max(sizes.usual, usual_part);
  std::vector<wire_part*> now;
  auto all_at_end = true, others_soon = false, others = false;
  for (auto* p : lane.parts) {
    if (!p->wanted || p->in_flight || p->now != wire_part::phase::fetching || p->records.broken() ||
        at < p->retry_at) {
      others = true;
    } else if (p->records.waiting() >= usual / 2) {
      others_soon = true;
    } else {
      now.push_back(p);
      all_at_end = all_at_end && p->at_end();
    }
  }
  // Those who are about to be drained would have to wait until something arrives for the rest.
  if (now.empty() || (others_soon && all_at_end))
    return {};
  auto room = std::min(sizes.room / std::max<std::size_t>(sizes.lanes, 1), largest_answer);
  if (room < smallest_part && !sizes.nothing_waits)
    return {};
  room = std::max(room, smallest_part);
  auto share = std::clamp(room / now.size(), std::min(smallest_part, usual), usual);

  // Only the first batch of the first one may exceed the limits: each has its turn.
  std::rotate(now.begin(), std::ranges::min_element(now, {}, &wire_part::stood_first), now.end());
  now.front()->stood_first = ++lane.turn;
  std::vector<wire_partition_ask> fetch;
  std::size_t in_all = 0;
  for (auto* p : now) {
    auto bytes = p->ask_for(share);
    in_all += bytes;
    fetch.push_back({.topic = p->from.topic,
                     .id = p->topic_id,
                     .number = p->from.number,
                     .at = p->records.fetch_at(),
                     .max_bytes = static_cast<std::int32_t>(bytes)});
    lane.asked.push_back({p->id, p->generation});
    p->in_flight = true;
  }
  lane.in_flight = std::min(in_all, room);
  terms.max_bytes = static_cast<std::int32_t>(std::max(room, now.front()->ask_for(share)));
  auto collected = static_cast<std::size_t>(lane.rate * std::chrono::duration<double>(collecting).count());
  auto collect = all_at_end && collected >= worth_collecting;
  terms.min_bytes = collect ? static_cast<std::int32_t>(std::min({collected, most_collected, room})) : 1;
  auto wait = collect ? collecting : others || others_soon ? short_wait : long_wait;
  terms.max_wait_ms = static_cast<std::int32_t>(wait.count());
  return fetch;
}

} // namespace tidemill
