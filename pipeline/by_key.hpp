#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// Sorts things by a number, then the bytes of a key: the order of rows and of what logs have. Equal ones
/// stay as they are.
///
/// Compares copies of the keys that lie together: looking into things all over the memory, log n times each,
/// is what sorting many of them would cost.
template <class T, class NumberOf, class KeyOf>
void sort_by_key(std::span<T> all, NumberOf number_of, KeyOf key_of) {
  if (all.size() < 2)
    return;
  struct place {
    std::int64_t number;
    std::string_view key;
    std::uint32_t at;
  };
  std::size_t size = 0;
  for (const auto& one : all)
    size += std::string_view{key_of(one)}.size();
  std::string bytes;
  bytes.reserve(size);
  std::vector<place> order;
  order.reserve(all.size());
  for (const auto& one : all) {
    const std::string_view key = key_of(one);
    order.push_back({number_of(one),
                     {bytes.data() + bytes.size(), key.size()},
                     static_cast<std::uint32_t>(order.size())});
    bytes += key;
  }
  std::ranges::sort(order, [](const place& a, const place& b) {
    if (a.number != b.number)
      return a.number < b.number;
    const auto by_key = a.key.compare(b.key);
    return by_key != 0 ? by_key < 0 : a.at < b.at;
  });
  std::vector<T> sorted;
  sorted.reserve(all.size());
  for (const auto& p : order)
    sorted.push_back(std::move(all[p.at]));
  std::ranges::move(sorted, all.begin());
}

/// Of pointers to things that have a `key`: rows, states of keys.
template <class Pointer>
void sort_by_key(std::span<Pointer> all) {
  sort_by_key(
      all, [](const Pointer&) { return std::int64_t{0}; },
      [](const Pointer& p) { return std::string_view{p->key}; });
}

} // namespace tidemill
