#include "storage/kafka/unsynced_events.hpp"

#include <utility>

namespace tidemill {

void unsynced_events::add(const outgoing_batch& b) {
  for (const auto& e : b.events) {
    events_.push_back({e.id, text_.size(), static_cast<std::uint32_t>(e.json.size()),
                       e.key ? static_cast<std::uint32_t>(e.key->size()) : no_key});
    if (e.key)
      text_ += *e.key;
    text_ += e.json;
  }
  batches_.push_back({b.partition, b.upto, events_.size()});
}

bool unsynced_events::ends_with(const outgoing_batch& b) const noexcept {
  return !batches_.empty() && batches_.back().partition == b.partition && batches_.back().upto == b.upto;
}

unsynced_events::event unsynced_events::operator[](std::size_t i) const {
  const auto& p = events_[i];
  std::string_view text{text_};
  if (p.key == no_key)
    return {p.id, text.substr(p.at, p.json), {}};
  return {p.id, text.substr(p.at + p.key, p.json), text.substr(p.at, p.key)};
}

void unsynced_events::forget(const sink_progress& held) {
  std::vector<place> events;
  std::vector<batch> batches;
  std::size_t begin = 0;
  for (const auto& b : batches_) {
    auto end = b.events;
    auto at = held.find(b.partition);
    if (at == held.end() || at->second < b.upto) {
      events.insert(events.end(), events_.begin() + static_cast<std::ptrdiff_t>(begin),
                    events_.begin() + static_cast<std::ptrdiff_t>(end));
      batches.push_back({b.partition, b.upto, events.size()});
    }
    begin = end;
  }
  events_ = std::move(events);
  batches_ = std::move(batches);
  if (events_.empty())
    text_.clear();
}

void unsynced_events::clear() {
  text_.clear();
  events_.clear();
  batches_.clear();
}

} // namespace tidemill
