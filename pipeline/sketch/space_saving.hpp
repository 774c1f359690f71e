#pragma once

#include "event/bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace tidemill {

/// The most frequent items of a stream in bounded memory, each with a bound of its error (SpaceSaving;
/// Metwally, Agrawal, El Abbadi 2005; merged as by Cafaro, Pulimeno, Tempesta 2016).
///
/// With m counters and n items seen: an item that is held was seen at most `count` times, and at least
/// `count - error` times; one that is not was seen at most `floor()` times; no error is above `floor()`, and
/// floor() ≤ n / m. So each item seen more than n / m times is held. While there are at most m different
/// items, all counts are exact. All this stays true under merging (the sum of counts never exceeds n: Agarwal
/// et al. 2012), but which of the rare items are held depends on the order.
///
/// `m` is the same in all calls, and at least 1. Heap: none when empty, then about 100 bytes and the item
/// for each counter in use. May be moved by memcpy.
class space_saving {
public:
  struct counter {
    std::string_view item;
    std::uint64_t count, error;
  };

  space_saving() noexcept;
  space_saving(const space_saving& other);
  space_saving(space_saving&&) noexcept;
  space_saving& operator=(space_saving&&) noexcept;
  ~space_saving();

  void add(std::string_view item, std::size_t m);
  void merge(const space_saving& other, std::size_t m);

  /// How many items were added.
  [[nodiscard]] std::uint64_t total() const noexcept;
  [[nodiscard]] std::uint64_t floor() const noexcept;
  /// By count descending, then by item; valid until the next change.
  [[nodiscard]] std::vector<counter> top(std::size_t most) const;

  /// Canonical: counters in the order of their items.
  void save(byte_writer& out) const;
  /// Replaces the contents. False, and empty, if the bytes are damaged.
  [[nodiscard]] bool load(byte_reader& in, std::size_t m);

  [[nodiscard]] std::size_t heap_bytes() const noexcept;

private:
  struct counters;
  std::unique_ptr<counters> held_; // null: nothing seen
};

} // namespace tidemill
