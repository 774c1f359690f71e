#include "pipeline/record_queue.hpp"

#include <algorithm>

namespace tidemill {
namespace {

/// The records from `first` on, of a batch that begins at `begin` then.
record_batch_ptr rest_of(const record_batch& batch, offset first, offset begin) {
  auto rest = std::make_shared<record_batch>(batch);
  std::erase_if(rest->records, [&](const record& r) { return r.at < first; });
  rest->begin = begin;
  return rest;
}

} // namespace

bool record_queue::add(const record_batch_ptr& batch) {
  const auto from = read_position();
  if (batch->end <= from)
    return false;
  batches_.push_back(batch->begin >= from ? batch : rest_of(*batch, from, from));
  return true;
}

std::uint64_t record_queue::release(offset limit) {
  std::uint64_t released = 0;
  while (!batches_.empty()) {
    const auto batch = batches_.front();
    const auto& records = batch->records;
    const auto first = std::ranges::partition_point(records, [&](const record& r) { return r.at < limit; });
    released += static_cast<std::uint64_t>(first - records.begin());
    if (first != records.begin())
      position_ = std::max(position_, std::prev(first)->end);
    if (first == records.end() && batch->end <= limit) {
      position_ = std::max(position_, batch->end);
      batches_.pop_front();
      continue;
    }
    if (first != records.begin())
      batches_.front() = rest_of(*batch, limit, position_);
    position_ = std::max(position_, std::min(limit, batch->end));
    break;
  }
  return released;
}

void record_queue::lose(offset to) {
  position_ = to;
  while (!batches_.empty() && batches_.front()->end <= to)
    batches_.pop_front();
  if (!batches_.empty() && batches_.front()->begin < to)
    batches_.front() = rest_of(*batches_.front(), to, to);
}

offset record_queue::next_end() const noexcept {
  const auto& next = *batches_.front();
  return next.records.empty() ? next.end : next.records.front().end;
}

} // namespace tidemill
