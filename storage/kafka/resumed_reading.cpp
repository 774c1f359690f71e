#include "storage/kafka/resumed_reading.hpp"

#include "event/hash.hpp"

#include <algorithm>
#include <utility>

namespace tidemill {

resumed_reading::verdict resumed_reading::check(record_batch_ptr& batch) {
  if (!mark_)
    return verdict::pass;
  const auto& all = batch->records;
  if (all.empty() && batch->end <= mark_->at)
    return verdict::drop;
  auto mark = *std::exchange(mark_, std::nullopt);
  if (!all.empty() && all.front().at == mark.at && hash64(all.front().bytes) != mark.hash)
    return verdict::exchanged;
  auto first = std::find_if(all.begin(), all.end(), [&](const record& r) { return r.at >= wanted_; });
  if (first == all.end() && batch->end <= wanted_)
    return verdict::drop;
  auto rest = std::make_shared<record_batch>(*batch);
  for (auto r = all.begin(); r != first; ++r)
    rest->bytes -= std::min(rest->bytes, r->bytes.size());
  rest->records.assign(first, all.end());
  rest->begin = std::max(batch->begin, wanted_);
  batch = std::move(rest);
  return verdict::pass;
}

bool resumed_reading::check_gap(offset available) {
  return std::exchange(mark_, std::nullopt) && available <= wanted_;
}

} // namespace tidemill
