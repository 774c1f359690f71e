#include "pipeline/join.hpp"

#include <algorithm>

namespace tidemill {

event_time shifted(event_time t, microseconds by) noexcept {
  if (t == time_min || t == time_max)
    return t;
  if (by < microseconds{0} && t < time_min - by)
    return time_min;
  if (by > microseconds{0} && t > time_max - by)
    return time_max;
  return t + by;
}

bool joiner::is_over(std::size_t side, event_time t) const noexcept {
  if (side == 0)
    return shifted(t, how_.after) < low_;
  return shifted(t, how_.before) < low_;
}

event_time joiner::watermark() const noexcept {
  return how_.keeps_left && !how_.as_of ? shifted(low_, -how_.after) : low_;
}

status joiner::accept(std::size_t side, join_row row, bool has_null, const join_place& place, offset at,
                      std::vector<joined>& out) {
  if (place.time < low_)
    return error{errc::event_late,
                 "late: the join was over for its time when the watermark passed " + format_rfc3339(low_)};
  if (has_null && (side == 1 || !how_.keeps_left))
    return {}; // null equals nothing
  auto& mine = sides_[side];
  if (mine.size() >= how_.max_rows)
    return error{errc::full, "the join keeps " + std::to_string(how_.max_rows) +
                                 " events of a side in each partition, and has them: raise max_rows, or take "
                                 "more partitions"};
  if (has_null) // found by no key
    row.key.clear();
  mine.add(std::make_shared<const join_row>(std::move(row)), place, at, false);
  const auto number = mine.by_time().find(place)->second;
  if (how_.as_of) {
    if (side == 1 && place.time <= low_)
      supersede(number);
  } else if (side == 0) {
    pair_left(number, at, out);
  } else {
    pair_right(number, at, out);
  }
  return {};
}

void joiner::pair_left(std::uint32_t number, offset at, std::vector<joined>& out) {
  const auto& left = sides_[0].at(number);
  const auto t = left.place.time;
  if (left.row->key.empty())
    return;
  const auto found = sides_[1].find(left.row->key, shifted(t, -how_.before), shifted(t, how_.after));
  for (auto n : found) {
    const auto& right = sides_[1].at(n);
    out.push_back({left.row->record, right.row->record, std::max(t, right.place.time)});
  }
  if (!found.empty() && how_.keeps_left)
    sides_[0].match(number, at);
}

void joiner::pair_right(std::uint32_t number, offset at, std::vector<joined>& out) {
  const auto& right = sides_[1].at(number);
  const auto t = right.place.time;
  for (auto n : sides_[0].find(right.row->key, shifted(t, -how_.after), shifted(t, how_.before))) {
    const auto& left = sides_[0].at(n);
    out.push_back({left.row->record, right.row->record, std::max(t, left.place.time)});
    if (how_.keeps_left && !left.matched)
      sides_[0].match(n, at);
  }
}

void joiner::emit_as_of(const join_side::slot& left, std::vector<joined>& out) const {
  const auto t = left.place.time;
  const auto found = left.row->key.empty() ? std::span<const std::uint32_t>{}
                                           : sides_[1].find(left.row->key, shifted(t, -how_.before), t);
  if (!found.empty())
    out.push_back({left.row->record, sides_[1].at(found.back()).row->record, t});
  else if (how_.keeps_left)
    out.push_back({left.row->record, {}, t});
}

void joiner::remove(std::size_t side, std::uint32_t number) {
  gone_.push_back(sides_[side].at(number).row);
  sides_[side].remove(number);
}

void joiner::supersede(std::uint32_t number) {
  while (const auto older = sides_[1].before(number))
    remove(1, *older);
}

void joiner::free_side(std::size_t side, std::vector<joined>& out) {
  auto& mine = sides_[side];
  while (!mine.by_time().empty()) {
    const auto number = mine.by_time().begin()->second;
    const auto& s = mine.at(number);
    if (!is_over(side, s.place.time))
      return;
    if (side == 0 && how_.as_of)
      emit_as_of(s, out);
    else if (side == 0 && how_.keeps_left && !s.matched)
      out.push_back({s.row->record, {}, s.place.time});
    remove(side, number);
  }
}

void joiner::advance(event_time watermark, std::vector<joined>& out) {
  const auto to = shifted(watermark, -how_.lateness);
  if (to <= low_)
    return;
  const auto from = std::exchange(low_, to);
  free_side(0, out); // the right must still be there
  supersede_passed(from);
  free_side(1, out);
}

/// The watermark has come from `from` to `low_`.
void joiner::supersede_passed(event_time from) {
  if (!how_.as_of)
    return;
  std::vector<std::uint32_t> passed;
  const auto& all = sides_[1].by_time();
  for (auto it = all.lower_bound({from, {}}); it != all.end() && it->first.time <= low_; ++it)
    passed.push_back(it->second);
  // From the newest to the oldest a key's list gets short at once; what is gone is passed over.
  for (auto n = passed.rbegin(); n != passed.rend(); ++n)
    if (sides_[1].at(*n).row)
      supersede(*n);
}

void joiner::restore(event_time watermark) {
  low_ = shifted(watermark, -how_.lateness);
}

void joiner::restore(std::size_t side, join_row row, const join_place& place, offset at, bool matched) {
  if (is_over(side, place.time) || sides_[side].has(place))
    return;
  sides_[side].add(std::make_shared<const join_row>(std::move(row)), place, at, matched);
}

void joiner::finish_restore() {
  supersede_passed(time_min);
  gone_.clear();
}

} // namespace tidemill
