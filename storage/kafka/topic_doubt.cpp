#include "storage/kafka/topic_doubt.hpp"

#include "event/hash.hpp"

#include <algorithm>

namespace tidemill {
namespace {

// Deleting, creating and filling a topic takes longer.
constexpr std::chrono::milliseconds quiet{250};

} // namespace

void topic_doubt::asked(time at, time before) noexcept {
  nothing_since_ = std::min(nothing_since_.value_or(at), at - before > quiet ? before : at);
}

void topic_doubt::came(const record_batch& batch) {
  nothing_since_.reset();
  if (!batch.records.empty())
    last_ = record_mark{batch.records.back().at, hash64(batch.records.back().bytes)};
}

std::optional<record_mark> topic_doubt::at(time at) const noexcept {
  return nothing_since_ && at - *nothing_since_ > quiet ? last_ : std::nullopt;
}

} // namespace tidemill
