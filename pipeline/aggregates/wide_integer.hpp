#pragma once

#include "event/bytes.hpp"
#include "event/value.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

namespace tidemill {

__extension__ using uint128 = unsigned __int128;

/// A two's complement integer of `Words` x 64 bits, 8-aligned: a sum that can't overflow. Two words hold the
/// sum of 2^63 integers of 64 bits, three that of 2^63 decimals; so a sum doesn't depend on the order even if
/// it leaves the range of its result on the way.
template <std::size_t Words>
class wide_integer {
public:
  void add(std::int64_t x) noexcept {
    add_words(static_cast<std::uint64_t>(x), x < 0 ? ~std::uint64_t{0} : 0);
  }
  void add(std::uint64_t x) noexcept { add_words(x, 0); }
  void add(int128 x) noexcept {
    static_assert(Words > 2);
    auto fill = x < 0 ? ~std::uint64_t{0} : 0;
    std::uint64_t carry = 0;
    for (std::size_t i = 0; i < Words; ++i)
      add_word(i,
               i == 0   ? static_cast<std::uint64_t>(x)
               : i == 1 ? static_cast<std::uint64_t>(x >> 64)
                        : fill,
               carry);
  }
  void add(const wide_integer& x) noexcept {
    std::uint64_t carry = 0;
    for (std::size_t i = 0; i < Words; ++i)
      add_word(i, x.words_[i], carry);
  }

  [[nodiscard]] bool negative() const noexcept { return words_[Words - 1] >> 63 != 0; }
  /// The same number in 128 bits, if it fits.
  [[nodiscard]] std::optional<int128> narrow() const noexcept {
    auto x = static_cast<int128>(uint128{words_[1]} << 64 | words_[0]);
    for (std::size_t i = 2; i < Words; ++i)
      if (words_[i] != (x < 0 ? ~std::uint64_t{0} : 0))
        return std::nullopt;
    return x;
  }
  /// The nearest integer to the quotient, halves away from zero, if it fits 128 bits. Requires `by` > 0.
  [[nodiscard]] std::optional<int128> divide(std::uint64_t by) const noexcept {
    auto minus = negative();
    auto magnitude = minus ? negated() : *this;
    std::uint64_t rest = 0;
    for (auto i = Words; i-- > 0;) {
      auto part = uint128{rest} << 64 | magnitude.words_[i];
      magnitude.words_[i] = static_cast<std::uint64_t>(part / by);
      rest = static_cast<std::uint64_t>(part % by);
    }
    if (rest >= by - rest)
      magnitude.add(std::uint64_t{1});
    return (minus ? magnitude.negated() : magnitude).narrow();
  }

  /// Canonical: a length, then the fewest bytes whose sign extension is the number.
  void save(byte_writer& out) const {
    auto n = Words * 8;
    while (n > 1 && byte(n - 1) == (byte(n - 2) >= 0x80 ? 0xff : 0))
      --n;
    out.u8(static_cast<std::uint8_t>(n));
    for (std::size_t i = 0; i < n; ++i)
      out.u8(byte(i));
  }
  [[nodiscard]] bool load(byte_reader& in) {
    auto bytes = in.take(in.u8());
    if (!in.ok() || bytes.empty() || bytes.size() > Words * 8)
      return false;
    words_.fill(static_cast<std::uint8_t>(bytes.back()) >= 0x80 ? ~std::uint64_t{0} : 0);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      auto shift = i % 8 * 8;
      words_[i / 8] &= ~(std::uint64_t{0xff} << shift);
      words_[i / 8] |= std::uint64_t{static_cast<std::uint8_t>(bytes[i])} << shift;
    }
    return true;
  }

private:
  void add_word(std::size_t i, std::uint64_t x, std::uint64_t& carry) noexcept {
    auto sum = uint128{words_[i]} + x + carry;
    words_[i] = static_cast<std::uint64_t>(sum);
    carry = static_cast<std::uint64_t>(sum >> 64);
  }
  void add_words(std::uint64_t low, std::uint64_t fill) noexcept {
    std::uint64_t carry = 0;
    for (std::size_t i = 0; i < Words; ++i)
      add_word(i, i == 0 ? low : fill, carry);
  }
  [[nodiscard]] wide_integer negated() const noexcept {
    wide_integer x;
    for (std::size_t i = 0; i < Words; ++i)
      x.words_[i] = ~words_[i];
    x.add(std::uint64_t{1});
    return x;
  }
  [[nodiscard]] std::uint8_t byte(std::size_t i) const noexcept {
    return static_cast<std::uint8_t>(words_[i / 8] >> i % 8 * 8);
  }

  std::array<std::uint64_t, Words> words_{};
};

} // namespace tidemill
