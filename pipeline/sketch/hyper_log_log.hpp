#pragma once

#include "event/bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>

namespace tidemill {

/// The number of distinct hashes seen, in bounded memory (Flajolet et al. 2007; the estimator of Ertl 2017,
/// algorithm 6, which needs no bias tables).
///
/// Up to 384 hashes are kept nearly whole (26 bits of index, then a rank; Heule et al. 2013), so small counts
/// are exact but for a chance of n²/2^27. Beyond, 4096 registers of a byte: relative standard
/// error 1.04/√4096 = 1.6 %. The form and the contents follow from the set of hashes alone: neither order nor
/// cuts nor merges change a bit. Heap: none when empty, then a table at least 3/8 full of 4 bytes each, 4 KiB
/// at most. Hashes must be uniform 64-bit values. May be moved by memcpy.
class hyper_log_log {
public:
  static constexpr unsigned precision = 12;
  static constexpr std::size_t registers = std::size_t{1} << precision;
  static constexpr std::size_t sparse_limit = 384;

  void add(std::uint64_t hash);
  void merge(const hyper_log_log& other);
  [[nodiscard]] std::uint64_t estimate() const;

  /// Canonical: sorted entries, or registers packed to 6 bits.
  void save(byte_writer& out) const;
  /// Replaces the contents. False, and empty, if the bytes are damaged.
  [[nodiscard]] bool load(byte_reader& in);

  [[nodiscard]] bool dense() const noexcept { return dense_ != nullptr; }
  [[nodiscard]] std::size_t heap_bytes() const noexcept;

private:
  void add_entry(std::uint32_t entry);
  [[nodiscard]] std::size_t place_of(std::uint32_t entry) const noexcept;
  void reserve(std::size_t entries);
  void resize_table(std::size_t slots);
  void make_dense();
  void copy(const hyper_log_log& other);
  bool load_sparse(byte_reader& in);
  bool load_dense(byte_reader& in);

  // An open-addressing table of entries: 26 bits of hash, then 6 of rank; 0 is a free slot.
  std::unique_ptr<std::uint32_t[]> table_;
  std::unique_ptr<std::uint8_t[]> dense_;
  std::uint16_t slots_ = 0; // of table_: 0 or a power of two
  std::uint16_t used_ = 0;
};

} // namespace tidemill
