#pragma once

#include "event/bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>

namespace tidemill {

/// Quantiles of doubles within 1 % of the value, in bounded memory (DDSketch; Masson, Rim, Lee 2019).
///
/// Buckets grow geometrically: 35 an octave, placed by a cubic in the mantissa instead of a logarithm, which
/// has integer coefficients at this accuracy and only needs exactly specified arithmetic: the same values
/// fall into the same buckets on every machine. Magnitudes below 2^-30 count as zero; from 2^64 on they fall
/// into the last bucket; so the index range is fixed, and merging (adding counts) is exact and commutative.
/// The smallest and the largest value are kept exactly. NaN is not counted.
///
/// Heap: 8 bytes a bucket used, up to 64 of them; then 8 bytes a bucket between the lowest and the highest
/// one: 0.9 KB a decade, at most 52 KB. May be moved by memcpy.
class dd_sketch {
public:
  static constexpr double relative_error = 0.01;
  static constexpr std::size_t sparse_limit = 64;
  /// Buckets are numbered -last_key … last_key; 0 holds zeros, negative numbers negative values.
  static constexpr std::int32_t last_key = 35 * 94;

  void add(double x);
  void merge(const dd_sketch& other);
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  /// The value of rank ⌊q (count - 1)⌋ in ascending order, within 1 % for magnitudes of 2^-30 to 2^64. The
  /// lowest and highest ranks are exact. Requires count() > 0 and q in [0, 1].
  [[nodiscard]] double quantile(double q) const;

  /// Canonical: the buckets in use, in ascending order.
  void save(byte_writer& out) const;
  /// Replaces the contents. False, and empty, if the bytes are damaged.
  [[nodiscard]] bool load(byte_reader& in);

  [[nodiscard]] std::size_t heap_bytes() const noexcept;

  /// The bucket of a value that is not NaN.
  [[nodiscard]] static std::int32_t key_of(double x) noexcept;
  /// A value that is within 1 % of all values of its bucket.
  [[nodiscard]] static double value_of(std::int32_t key) noexcept;

private:
  void add_at(std::int32_t key, std::uint64_t n);
  bool add_sparse(std::int32_t key, std::uint64_t n);
  void make_room(std::size_t buckets);
  void make_dense(std::int32_t low, std::int32_t high);
  void widen(std::int32_t low, std::int32_t high);
  void copy(const dd_sketch& other);
  [[nodiscard]] bool dense() const noexcept { return keys_ == nullptr && counts_ != nullptr; }
  [[nodiscard]] std::int32_t last() const noexcept { return first_ + used_ - 1; }
  template <class Each>
  void for_each(Each each) const;

  std::unique_ptr<std::int16_t[]> keys_;    // sparse only: `used_` of `room_` in ascending order
  std::unique_ptr<std::uint64_t[]> counts_; // sparse: beside `keys_`; dense: `used_` counts from `first_` on
  std::uint64_t count_ = 0;
  double min_ = 0, max_ = 0; // if count_ > 0
  std::int32_t first_ = 0;   // dense only
  std::uint16_t used_ = 0, room_ = 0;
};

} // namespace tidemill
