#pragma once

#include "event/time.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <vector>

namespace tidemill {

/// Where something is in a `time_buckets`.
struct bucket_place {
  static constexpr std::int64_t nowhere = std::numeric_limits<std::int64_t>::min();
  std::int64_t bucket = nowhere;
  std::size_t index = 0;
};

/// Things by when they are due, which changes often: coming and going costs the same however many there are.
/// Within a bucket they have no order. A thing knows its place: `Place`; it must stay where it is.
template <class T, bucket_place T::*Place>
class time_buckets {
public:
  /// A usual number for times: 65.536 ms are one bucket.
  [[nodiscard]] static std::int64_t bucket_of(event_time t) noexcept {
    return t.time_since_epoch().count() >> 16;
  }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  /// The first bucket; of buckets that aren't empty.
  [[nodiscard]] std::int64_t first() const { return buckets_.begin()->first; }
  [[nodiscard]] std::span<T* const> in_first() const { return buckets_.begin()->second; }

  /// Moves it there from where it was.
  void put(T& x, std::int64_t bucket) {
    auto& place = x.*Place;
    if (place.bucket == bucket)
      return;
    remove(x);
    auto& things = buckets_[bucket];
    place = {bucket, things.size()};
    things.push_back(&x);
    ++size_;
  }
  /// It may be nowhere.
  void remove(T& x) {
    auto& place = x.*Place;
    if (place.bucket == bucket_place::nowhere)
      return;
    const auto in = buckets_.find(place.bucket);
    auto& things = in->second;
    things[place.index] = things.back();
    (things[place.index]->*Place).index = place.index;
    things.pop_back();
    if (things.empty())
      buckets_.erase(in);
    place = {};
    --size_;
  }
  /// Moves those that are due, of buckets ≤ `through`, to the end of `out`.
  template <class Due>
  void take(std::int64_t through, Due due, std::vector<T*>& out) {
    for (auto in = buckets_.begin(); in != buckets_.end() && in->first <= through;) {
      auto& things = in->second;
      const auto first = std::partition(things.begin(), things.end(), [&](const T* x) { return !due(*x); });
      const std::span<T* const> taken{first, things.end()};
      for (auto* x : taken)
        x->*Place = {};
      size_ -= taken.size();
      out.insert(out.end(), taken.begin(), taken.end());
      things.erase(first, things.end());
      for (std::size_t i = 0; i < things.size(); ++i)
        (things[i]->*Place).index = i;
      in = things.empty() ? buckets_.erase(in) : std::next(in);
    }
  }
  [[nodiscard]] std::vector<T*> all() const {
    std::vector<T*> all;
    for (const auto& [bucket, things] : buckets_)
      all.insert(all.end(), things.begin(), things.end());
    return all;
  }

private:
  std::map<std::int64_t, std::vector<T*>> buckets_; // none of them empty
  std::size_t size_ = 0;
};

} // namespace tidemill
