#pragma once

#include "event/bytes.hpp"

#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace tidemill {

/// A set of 128-bit fingerprints with a limit: a set that would have more members is `over` for good and
/// forgets them. So its state follows from the members alone, not from order or merges.
///
/// `limit` is the same in all calls. Heap: none when empty, then 16 bytes a slot, 3/8 to 3/4 of them in use.
/// May be moved by memcpy.
class exact_set {
public:
  struct fingerprint {
    std::uint64_t high, low;
    friend auto operator<=>(const fingerprint&, const fingerprint&) = default;
  };

  void add(fingerprint f, std::size_t limit);
  void merge(const exact_set& other, std::size_t limit);
  [[nodiscard]] bool over() const noexcept { return over_; }
  [[nodiscard]] std::size_t size() const noexcept { return used_; } ///< 0 if over

  /// Canonical: the members in ascending order.
  void save(byte_writer& out) const;
  /// Replaces the contents. False, and empty, if the bytes are damaged.
  [[nodiscard]] bool load(byte_reader& in, std::size_t limit);
  [[nodiscard]] std::size_t heap_bytes() const noexcept { return slots_ * sizeof(fingerprint); }

private:
  void grow();
  [[nodiscard]] std::size_t place_of(fingerprint f) const noexcept;
  void give_up();

  std::unique_ptr<fingerprint[]> table_; // open addressing; {0, 0} is a free slot
  std::uint32_t slots_ = 0, used_ = 0;   // slots: 0 or a power of two
  bool over_ = false;
};

} // namespace tidemill
