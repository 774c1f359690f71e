#pragma once

#include <boost/container/small_vector.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace tidemill {

/// Things of one key by slice, ascending; `T` has a member `slice`. Slices come mostly at the end and go at
/// the front. A single one, the usual case, lies in the list itself.
template <class T>
class slice_list {
public:
  [[nodiscard]] bool empty() const noexcept { return from_ == all_.size(); }
  [[nodiscard]] const T& front() const { return all_[from_]; }
  [[nodiscard]] const T& back() const { return all_.back(); }
  [[nodiscard]] std::span<T> all() { return {all_.data() + from_, all_.size() - from_}; }
  [[nodiscard]] std::span<const T> all() const { return {all_.data() + from_, all_.size() - from_}; }
  /// Those of slices ≥ `first`.
  [[nodiscard]] std::span<const T> since(std::int64_t first) const { return all().subspan(place_of(first)); }
  /// Null: there is none of this slice.
  [[nodiscard]] T* find(std::int64_t slice) {
    auto rest = all().subspan(place_of(slice));
    return rest.empty() || rest.front().slice != slice ? nullptr : rest.data();
  }
  /// Of a slice that isn't there.
  T& add(T x) {
    auto at = static_cast<std::ptrdiff_t>(from_ + place_of(x.slice));
    return *all_.insert(all_.begin() + at, std::move(x));
  }
  void pop_front() {
    // What is gone is moved over only when it is half of all.
    all_[from_] = T{};
    if (++from_ * 2 < all_.size())
      return;
    all_.erase(all_.begin(), all_.begin() + from_);
    from_ = 0;
  }
  void erase(std::int64_t slice) {
    if (auto* x = find(slice); x == nullptr)
      return;
    else if (x == &all_[from_])
      pop_front();
    else
      all_.erase(all_.begin() + (x - all_.data()));
  }

private:
  /// How many are of slices < `slice`.
  [[nodiscard]] std::size_t place_of(std::int64_t slice) const {
    auto held = all();
    if (held.empty() || held.back().slice < slice)
      return held.size();
    if (held.front().slice >= slice)
      return 0;
    return static_cast<std::size_t>(std::ranges::lower_bound(held, slice, {}, &T::slice) - held.begin());
  }

  boost::container::small_vector<T, 1> all_;
  std::uint32_t from_ = 0; // those before it are gone
};

} // namespace tidemill
