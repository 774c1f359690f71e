#include "storage/log/segment_set.hpp"

#include "storage/log/segment_file.hpp"

#include <algorithm>

namespace tidemill {

void segment_set::add(std::uint64_t first, std::uint64_t bytes) {
  std::lock_guard lock{mutex_};
  segments_.push_back({first, bytes, {}});
  bytes_ += bytes;
  end_ = first;
}

void segment_set::learn(segment& s, const std::vector<place>& places) {
  for (const auto& p : places) {
    auto known = s.places.empty() ? segment_header_bytes : s.places.back().at;
    if (p.at >= known + stride && p.at < s.bytes)
      s.places.push_back(p);
  }
}

void segment_set::grow(std::uint64_t end, std::uint64_t bytes, const std::vector<place>& places) {
  std::lock_guard lock{mutex_};
  auto& last = segments_.back();
  bytes_ += bytes - last.bytes;
  last.bytes = bytes;
  learn(last, places);
  end_ = end;
}

void segment_set::learn(std::uint64_t first, const std::vector<place>& places) {
  if (places.empty())
    return;
  std::lock_guard lock{mutex_};
  for (auto& s : segments_)
    if (s.first == first)
      learn(s, places);
}

void segment_set::drop_first() {
  std::lock_guard lock{mutex_};
  bytes_ -= segments_.front().bytes;
  segments_.pop_front();
}

void segment_set::drop_last() {
  std::lock_guard lock{mutex_};
  bytes_ -= segments_.back().bytes;
  end_ = segments_.back().first;
  segments_.pop_back();
}

void segment_set::cut(place p) {
  std::lock_guard lock{mutex_};
  auto& last = segments_.back();
  bytes_ -= last.bytes - p.at;
  last.bytes = p.at;
  while (!last.places.empty() && last.places.back().at >= p.at)
    last.places.pop_back();
  end_ = p.position;
}

std::optional<segment_set::location> segment_set::find(std::uint64_t position) const {
  std::lock_guard lock{mutex_};
  if (segments_.empty() || position < segments_.front().first || position > end_)
    return {};
  auto next = std::upper_bound(segments_.begin(), segments_.end(), position,
                               [](std::uint64_t p, const segment& s) { return p < s.first; });
  const auto& found = *std::prev(next);
  location l{found.first,
             {found.first, segment_header_bytes},
             next == segments_.end() ? end_ : next->first,
             found.bytes,
             0};
  auto after = std::upper_bound(found.places.begin(), found.places.end(), position,
                                [](std::uint64_t p, const place& x) { return p < x.position; });
  if (after != found.places.begin())
    l.from = *std::prev(after);
  for (; next != segments_.end(); ++next)
    l.bytes_after += next->bytes - segment_header_bytes;
  return l;
}

std::uint64_t segment_set::begin() const {
  std::lock_guard lock{mutex_};
  return segments_.front().first;
}

std::uint64_t segment_set::end() const {
  std::lock_guard lock{mutex_};
  return end_;
}

std::uint64_t segment_set::bytes() const {
  std::lock_guard lock{mutex_};
  return bytes_;
}

std::uint64_t segment_set::last_first() const {
  std::lock_guard lock{mutex_};
  return segments_.back().first;
}

std::uint64_t segment_set::last_bytes() const {
  std::lock_guard lock{mutex_};
  return segments_.back().bytes;
}

std::vector<std::uint64_t> segment_set::firsts() const {
  std::lock_guard lock{mutex_};
  std::vector<std::uint64_t> out;
  for (const auto& s : segments_)
    out.push_back(s.first);
  return out;
}

} // namespace tidemill
