#include "pipeline/join_side.hpp"

#include "event/hash.hpp"

#include <algorithm>

namespace tidemill {

std::size_t join_side::key_hash::operator()(std::string_view key) const noexcept {
  return hash64(key);
}

join_side::slot_numbers::const_iterator join_side::place_in(const slot_numbers& all,
                                                            const join_place& place) const {
  return std::ranges::lower_bound(all, place, {},
                                  [&](std::uint32_t n) -> const join_place& { return slots_[n].place; });
}

void join_side::add(std::shared_ptr<const join_row> row, const join_place& place, offset at, bool matched) {
  if (unused_.empty()) {
    unused_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.grow();
  }
  const auto number = unused_.back();
  unused_.pop_back();
  auto found = by_key_.find(std::string_view{row->key});
  if (found == by_key_.end())
    found = by_key_.emplace(row->key, slot_numbers{}).first;
  found->second.insert(place_in(found->second, place), number);
  by_time_.emplace(place, number);
  slots_.change(number) = {std::move(row), place, at, matched};
}

void join_side::remove(std::uint32_t number) {
  auto& s = slots_.change(number);
  auto of_key = by_key_.find(std::string_view{s.row->key});
  of_key->second.erase(place_in(of_key->second, s.place));
  if (of_key->second.empty())
    by_key_.erase(of_key);
  by_time_.erase(s.place);
  s = {};
  unused_.push_back(number);
}

void join_side::match(std::uint32_t number, offset at) {
  auto& s = slots_.change(number);
  s.matched = true;
  s.changed_at = at;
}

std::span<const std::uint32_t> join_side::find(std::string_view key, event_time from, event_time to) const {
  const auto found = by_key_.find(key);
  if (found == by_key_.end())
    return {};
  const auto& all = found->second;
  const auto time_of = [&](std::uint32_t n) { return slots_[n].place.time; };
  const auto first = std::ranges::lower_bound(all, from, {}, time_of);
  const auto last = std::ranges::upper_bound(first, all.end(), to, {}, time_of);
  return {first, last};
}

std::optional<std::uint32_t> join_side::before(std::uint32_t number) const {
  const auto& s = slots_[number];
  const auto& all = by_key_.find(std::string_view{s.row->key})->second;
  const auto mine = place_in(all, s.place);
  return mine == all.begin() ? std::nullopt : std::optional{*std::prev(mine)};
}

} // namespace tidemill
