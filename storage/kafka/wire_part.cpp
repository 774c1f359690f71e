#include "storage/kafka/wire_part.hpp"

#include "storage/kafka/wire_broker.hpp"

#include <algorithm>

namespace tidemill {
namespace {

constexpr std::chrono::milliseconds pause{100};
constexpr std::size_t most_records = 4096, first_enlarged = 2u << 20;

} // namespace

/// Nothing can be had for a moment.
bool wire_part::hold(clock::time_point at, const std::string& why) {
  if (trouble.empty())
    troubled_since = at;
  trouble = name() + ": " + why;
  retry_at = at + pause;
  return true;
}

/// Rests from now on, and says so when what waits is handed on.
void wire_part::rest(polled why) {
  now = phase::at_rest;
  trouble.clear();
  to_tell_ = std::move(why);
}

bool wire_part::on_error(clock::time_point at, broker_error e) {
  switch (e) {
  case broker_error::offset_out_of_range:
    now = phase::asking_first;
    return false;
  case broker_error::topic_not_authorized:
  case broker_error::cluster_not_authorized:
  case broker_error::corrupt_message:
  case broker_error::record_too_large:
  case broker_error::invalid_topic:
  case broker_error::unsupported_version:
  case broker_error::unsupported_compression:
  case broker_error::invalid_request:
    halt("can't be read at offset " + std::to_string(records.fetch_at()) + ": " + broker_error_text(e));
    return false;
  default:
    return hold(at, broker_error_text(e));
  }
}

bool wire_part::on_topic(clock::time_point at, const metadata_answer::topic& t) {
  leader = -1;
  if (now == phase::at_rest)
    return false;
  if (t.error != broker_error::none && t.error != broker_error::leader_not_available)
    return on_error(at, t.error);
  auto another = topic_id != topic_uuid{} && t.id != topic_uuid{} && t.id != topic_id;
  if (another && confirmed_) {
    halt("the topic was deleted and created again; offset " + std::to_string(records.fetch_at()) +
         " of the old one means nothing in the new one");
    return false;
  }
  topic_id = t.id;
  auto mine = std::ranges::find(t.partitions, from.number, &metadata_answer::partition::number);
  if (mine == t.partitions.end())
    return hold(at, "the topic has no such partition");
  if (mine->leader < 0)
    return hold(at, broker_error_text(broker_error::leader_not_available));
  leader = mine->leader;
  return false;
}

/// One batch is larger than what was asked for.
void wire_part::ask_for_more() {
  if (enlarged_ >= wire_broker::largest_part)
    return halt("the record batch at offset " + std::to_string(records.fetch_at()) + " is larger than " +
                std::to_string(wire_broker::largest_part >> 20) + " MiB");
  enlarged_ = std::min(wire_broker::largest_part, std::max(first_enlarged, 2 * enlarged_));
}

bool wire_part::on_records(clock::time_point at, const fetched_partition& head, wire_buffer_ptr buffer,
                           bool read_committed) {
  if (now != phase::fetching)
    return false;
  if (head.error != broker_error::none)
    return on_error(at, head.error);
  trouble.clear();
  confirmed_ = true;
  end = read_committed && head.last_stable >= 0 ? head.last_stable : head.high_watermark;
  if (head.records == 0)
    return false;
  if (!buffer)
    enlarged_ = wire_broker::largest_part;
  if (!buffer || !records.add(std::move(buffer), head.records, head.aborted))
    ask_for_more();
  else
    enlarged_ = 0;
  return false;
}

bool wire_part::on_offset(clock::time_point at, const offset_answer& a) {
  if (a.error != broker_error::none)
    return on_error(at, a.error);
  trouble.clear();
  auto wanted_at = records.fetch_at();
  if (now == phase::asking_first) {
    first_ = a.at;
    now = phase::asking_end;
    if (first_ > wanted_at)
      rest(polled_gap{id, static_cast<offset>(wanted_at), static_cast<offset>(first_)});
    return false;
  }
  if (now != phase::asking_end)
    return false;
  now = phase::fetching;
  if (a.at >= wanted_at)
    return hold(at, "offset " + std::to_string(wanted_at) + " is out of range, but the log goes from " +
                        std::to_string(first_) + " to " + std::to_string(a.at));
  halt("offset " + std::to_string(wanted_at) + " is wanted, but the log ends at " + std::to_string(a.at) +
       ": the topic was deleted and created again, or lost records");
  return false;
}

void wire_part::hand_on(std::size_t max_bytes, wire_decoding& with, std::vector<polled>& out) {
  std::size_t bytes = 0;
  while (bytes < max_bytes && records.ready()) {
    auto batch = records.next(max_bytes - bytes, most_records, with);
    if (!batch) {
      halt("can't be read at offset " + std::to_string(records.position()) + ": " + batch.error().text());
      break;
    }
    if (!*batch)
      break;
    bytes += (*batch)->bytes;
    out.emplace_back(record_batch_ptr{std::move(*batch)});
  }
  if (to_tell_ && (!records.ready() || records.broken())) {
    out.push_back(std::move(*to_tell_));
    to_tell_.reset();
  }
}

std::uint64_t wire_part::lag() const noexcept {
  return end > records.position() ? static_cast<std::uint64_t>(end - records.position()) : 0;
}

} // namespace tidemill
