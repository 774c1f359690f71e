#pragma once

#include "event/hash.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace tidemill {

/// What a view knows of its keys, by their bytes: `State` has a `std::string key`, and stays where it is.
///
/// Open addressing, linear probing. Hashes lie in the table, so that looking for one key touches no other's
/// state; positions are the high bits of hashes, so that it grows in the order of memory.
///
/// Looking for many keys, ask for all their slots ahead, then for what the slots lead to, then for the keys.
template <class State>
class key_set {
public:
  [[nodiscard]] static std::uint64_t hash_of(std::string_view key) noexcept { return hash64(key); }
  /// Fetches the slot of a hash, and what it leads to, into the cache.
  void fetch_slot(std::uint64_t hash) const noexcept { __builtin_prefetch(&slots_[place_of(hash)]); }
  void fetch_state(std::uint64_t hash) const noexcept {
    // Mostly it is the first one that is of this hash, or the key is new.
    if (const auto& s = slots_[place_of(hash)]; s.state) {
      const auto* bytes = reinterpret_cast<const char*>(s.state.get());
      for (std::size_t line = 0; line < sizeof(State); line += 64)
        __builtin_prefetch(bytes + line);
    }
  }
  /// Null: it isn't there.
  [[nodiscard]] State* find(std::string_view key) const noexcept { return find(key, hash_of(key)); }
  [[nodiscard]] State* find(std::string_view key, std::uint64_t hash) const noexcept {
    for (auto i = place_of(hash); slots_[i].state; i = next(i))
      if (slots_[i].hash == hash && slots_[i].state->key == key)
        return slots_[i].state.get();
    return nullptr;
  }
  /// One that isn't there yet.
  State& add(std::string_view key, std::uint64_t hash) {
    if ((size_ + 1) * 4 > slots_.size() * 3)
      grow();
    auto made = std::make_unique<State>();
    made->key = key;
    ++size_;
    return *place({hash, std::move(made)});
  }
  /// Added if it isn't there.
  State& at(std::string_view key, std::uint64_t hash) {
    auto* known = find(key, hash);
    return known != nullptr ? *known : add(key, hash);
  }
  State& at(std::string_view key) { return at(key, hash_of(key)); }
  void remove(const State& k) {
    auto gap = place_of(hash_of(k.key));
    while (slots_[gap].state.get() != &k)
      gap = next(gap);
    slots_[gap].state = nullptr;
    --size_;
    // Those behind it that could lie in the gap move there, so that no search ends before them.
    for (auto i = next(gap); slots_[i].state; i = next(i)) {
      const auto wanted = place_of(slots_[i].hash);
      const auto mask = slots_.size() - 1;
      if (((i - wanted) & mask) < ((i - gap) & mask))
        continue;
      slots_[gap] = std::move(slots_[i]);
      gap = i;
    }
  }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  /// In no order that means anything.
  [[nodiscard]] std::vector<State*> all() const {
    std::vector<State*> states;
    states.reserve(size_);
    for (const auto& s : slots_)
      if (s.state)
        states.push_back(s.state.get());
    return states;
  }

private:
  static constexpr unsigned first_bits = 4;
  struct slot {
    std::uint64_t hash = 0;
    std::unique_ptr<State> state; // null: free
  };
  [[nodiscard]] std::size_t place_of(std::uint64_t hash) const noexcept { return hash >> shift_; }
  [[nodiscard]] std::size_t next(std::size_t i) const noexcept { return (i + 1) & (slots_.size() - 1); }
  State* place(slot s) noexcept {
    auto i = place_of(s.hash);
    while (slots_[i].state)
      i = next(i);
    slots_[i] = std::move(s);
    return slots_[i].state.get();
  }
  void grow() {
    auto old = std::exchange(slots_, std::vector<slot>(slots_.size() * 2));
    --shift_;
    for (auto& s : old)
      if (s.state)
        place(std::move(s));
  }

  std::vector<slot> slots_ = std::vector<slot>(1u << first_bits); // a power of two
  unsigned shift_ = 64 - first_bits;
  std::size_t size_ = 0;
};

} // namespace tidemill
