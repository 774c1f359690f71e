#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tidemill {

/// Which pane of a slice a key has, by the key's dense id.
///
/// A slice that many of all keys have panes in is an array by id; one of few among very many is a hash table,
/// so that its cost goes with its panes: an hour of slices of a second must not cost the keys of an hour
/// each.
class pane_index {
public:
  static constexpr std::uint32_t none = 0xffff'ffff;

  [[nodiscard]] std::uint32_t find(std::uint32_t key) const noexcept {
    if (!hashed_)
      return key < by_id_.size() ? by_id_[key] : none;
    return slots_[place_of(key)].pane;
  }
  /// A key that has none. `ids`: keys have ids below it.
  void add(std::uint32_t key, std::uint32_t pane, std::size_t ids);

  [[nodiscard]] std::size_t bytes() const noexcept {
    return by_id_.capacity() * sizeof(std::uint32_t) + slots_.capacity() * sizeof(slot);
  }

private:
  struct slot {
    std::uint32_t key = 0, pane = none;
  };
  [[nodiscard]] std::size_t place_of(std::uint32_t key) const noexcept {
    const auto mask = slots_.size() - 1;
    auto at = (key * std::uint64_t{0x9E37'79B9'7F4A'7C15} >> 32) & mask;
    while (slots_[at].pane != none && slots_[at].key != key)
      at = (at + 1) & mask;
    return at;
  }
  template <class Each>
  void for_each(Each each) const;
  void rehash(std::size_t slots);
  void make_array(std::size_t ids);

  bool hashed_ = false;
  std::size_t panes_ = 0;
  std::vector<std::uint32_t> by_id_;
  std::vector<slot> slots_; // a power of two, half of them free
};

} // namespace tidemill
