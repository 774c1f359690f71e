#include "pipeline/sketch/hyper_log_log.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <numbers>
#include <utility>

namespace tidemill {
namespace {

constexpr unsigned sparse_precision = 26;
constexpr unsigned rank_bits = 6;
constexpr std::uint32_t rank_mask = (1u << rank_bits) - 1;
constexpr unsigned max_sparse_rank = 64 - sparse_precision + 1;  // 39
constexpr unsigned max_rank = 64 - hyper_log_log::precision + 1; // 53
constexpr unsigned extra_bits =
    sparse_precision - hyper_log_log::precision; // index bits that are rank bits when dense
constexpr std::size_t first_slots = 8, most_slots = 512;
// A full table of the largest size has room for exactly `sparse_limit` entries at this load.
static_assert(hyper_log_log::sparse_limit * 4 == most_slots * 3);
constexpr std::size_t packed_bytes = hyper_log_log::registers * rank_bits / 8;
enum form : std::uint8_t { sparse_form = 0, dense_form = 1 };

// Zeros before the first one of `width` bits, plus 1; `width` + 1 for no one at all.
unsigned rank_of(std::uint64_t bits_at_top, unsigned width) noexcept {
  return std::min(static_cast<unsigned>(std::countl_zero(bits_at_top)), width) + 1;
}

std::uint32_t entry_of(std::uint64_t hash) noexcept {
  auto index = static_cast<std::uint32_t>(hash >> (64 - sparse_precision));
  return index << rank_bits | rank_of(hash << sparse_precision, 64 - sparse_precision);
}

struct register_value {
  std::uint32_t index;
  std::uint8_t rank;
};

register_value register_of(std::uint32_t entry) noexcept {
  auto extra = entry >> rank_bits & ((1u << extra_bits) - 1);
  auto rank = extra != 0 ? rank_of(std::uint64_t{extra} << (64 - extra_bits), extra_bits)
                         : extra_bits + (entry & rank_mask);
  return {entry >> (rank_bits + extra_bits), static_cast<std::uint8_t>(rank)};
}

// The series of Ertl 2017: sums until they stop changing, which takes some 10 to 60 rounds.
double sigma(double x) noexcept {
  if (x == 1)
    return HUGE_VAL;
  double y = 1, z = x, before;
  do {
    x *= x;
    before = z;
    z += x * y;
    y += y;
  } while (z != before);
  return z;
}

double tau(double x) noexcept {
  if (x == 0 || x == 1)
    return 0;
  double y = 1, z = 1 - x, before;
  do {
    x = std::sqrt(x);
    before = z;
    y /= 2;
    z -= (1 - x) * (1 - x) * y;
  } while (z != before);
  return z / 3;
}

// Distinct arrays, which lets the compiler take 16 registers at a time.
void raise(std::uint8_t* __restrict into, const std::uint8_t* __restrict from) noexcept {
  for (std::size_t i = 0; i < hyper_log_log::registers; ++i)
    into[i] = std::max(into[i], from[i]);
}

void insertion_sort(std::uint32_t* all, std::size_t n) noexcept {
  for (std::size_t i = 1; i < n; ++i) {
    const auto one = all[i];
    auto to = i;
    for (; to > 0 && all[to - 1] > one; --to)
      all[to] = all[to - 1];
    all[to] = one;
  }
}

} // namespace

void hyper_log_log::add(std::uint64_t hash) {
  if (dense_ == nullptr)
    return add_entry(entry_of(hash));
  auto& r = dense_[hash >> (64 - precision)];
  r = std::max(r, static_cast<std::uint8_t>(rank_of(hash << precision, 64 - precision)));
}

void hyper_log_log::add_entry(std::uint32_t entry) {
  if (dense_ != nullptr) {
    auto [index, rank] = register_of(entry);
    dense_[index] = std::max(dense_[index], rank);
    return;
  }
  if (used_ * 4u >= slots_ * 3u && slots_ < most_slots)
    resize_table(slots_ == 0 ? first_slots : slots_ * 2u);
  auto mask = slots_ - 1u;
  auto at = place_of(entry);
  while (table_[at] != 0 && table_[at] >> rank_bits != entry >> rank_bits)
    at = (at + 1) & mask;
  if (table_[at] != 0) {
    table_[at] = std::max(table_[at], entry);
    return;
  }
  if (used_ == sparse_limit) {
    make_dense();
    return add_entry(entry);
  }
  table_[at] = entry;
  ++used_;
}

// As many slots as there would be if they had come one by one.
void hyper_log_log::reserve(std::size_t entries) {
  auto slots = first_slots;
  while (entries > 0 && (entries - 1) * 4 >= slots * 3 && slots < most_slots)
    slots *= 2;
  if (entries > 0 && slots > slots_)
    resize_table(slots);
}

// By the high bits: the table is nearly in the order that is saved.
std::size_t hyper_log_log::place_of(std::uint32_t entry) const noexcept {
  return std::uint64_t{entry} * slots_ >> 32;
}

void hyper_log_log::resize_table(std::size_t slots) {
  auto old = std::move(table_);
  auto old_slots = std::exchange(slots_, static_cast<std::uint16_t>(slots));
  table_ = std::make_unique<std::uint32_t[]>(slots);
  auto mask = slots_ - 1u;
  for (std::size_t i = 0; i < old_slots; ++i) {
    if (old[i] == 0)
      continue;
    auto at = place_of(old[i]);
    while (table_[at] != 0)
      at = (at + 1) & mask;
    table_[at] = old[i];
  }
}

void hyper_log_log::make_dense() {
  dense_ = std::make_unique<std::uint8_t[]>(registers);
  for (std::size_t i = 0; i < slots_; ++i)
    if (table_[i] != 0)
      add_entry(table_[i]);
  table_.reset();
  slots_ = used_ = 0;
}

void hyper_log_log::merge(const hyper_log_log& other) {
  if (dense_ == nullptr && used_ == 0)
    return copy(other);
  if (other.dense_ == nullptr) {
    if (dense_ == nullptr)
      reserve(other.used_); // it has these at least
    for (std::size_t i = 0; i < other.slots_; ++i)
      if (other.table_[i] != 0)
        add_entry(other.table_[i]);
    return;
  }
  if (dense_ == nullptr)
    make_dense();
  raise(dense_.get(), other.dense_.get());
}

void hyper_log_log::copy(const hyper_log_log& other) {
  *this = {};
  if (other.dense_ != nullptr) {
    dense_ = std::make_unique_for_overwrite<std::uint8_t[]>(registers);
    std::copy_n(other.dense_.get(), registers, dense_.get());
  } else if (other.used_ > 0) {
    table_ = std::make_unique_for_overwrite<std::uint32_t[]>(other.slots_);
    std::copy_n(other.table_.get(), other.slots_, table_.get());
    slots_ = other.slots_;
    used_ = other.used_;
  }
}

std::uint64_t hyper_log_log::estimate() const {
  // Linear counting over 2^26 places rounds to the number of entries itself.
  if (dense_ == nullptr)
    return used_;
  constexpr unsigned q = 64 - precision;
  constexpr double m = registers;
  std::array<std::uint32_t, max_rank + 1> counts{};
  for (std::size_t i = 0; i < registers; ++i)
    ++counts[dense_[i]];
  double z = m * tau(1 - counts[q + 1] / m);
  for (unsigned k = q; k >= 1; --k)
    z = (z + counts[k]) / 2;
  z += m * sigma(counts[0] / m);
  auto n = m * m / (2 * std::numbers::ln2 * z);
  // Full registers mean more than the hashes can tell apart.
  return n < 0x1p63 ? static_cast<std::uint64_t>(std::llround(n)) : std::uint64_t{1} << 63;
}

void hyper_log_log::save(byte_writer& out) const {
  if (dense_ == nullptr) {
    std::array<std::uint32_t, most_slots> entries;
    std::size_t n = 0;
    for (std::size_t i = 0; i < slots_; ++i) {
      entries[n] = table_[i];
      n += table_[i] != 0 ? 1 : 0;
    }
    // Nearly in order: who stands early has come around the end, who stands late has met others.
    insertion_sort(entries.data(), n);
    out.u8(sparse_form);
    out.varint(n);
    std::array<char, sparse_limit * byte_writer::most_of_varint> bytes;
    auto* end = bytes.data();
    std::uint32_t before = 0;
    for (std::size_t i = 0; i < n; before = entries[i++])
      end = byte_writer::put_varint(end, entries[i] - before);
    out.raw({bytes.data(), static_cast<std::size_t>(end - bytes.data())});
    return;
  }
  out.u8(dense_form);
  std::array<char, packed_bytes> packed;
  for (std::size_t i = 0; i < registers / 4; ++i) {
    const auto* r = &dense_[i * 4];
    auto four = static_cast<std::uint32_t>(r[0] | r[1] << 6 | r[2] << 12 | r[3] << 18);
    packed[i * 3] = static_cast<char>(four);
    packed[i * 3 + 1] = static_cast<char>(four >> 8);
    packed[i * 3 + 2] = static_cast<char>(four >> 16);
  }
  out.raw({packed.data(), packed.size()});
}

bool hyper_log_log::load(byte_reader& in) {
  *this = {};
  auto form = in.u8();
  auto good = in.ok() && (form == sparse_form ? load_sparse(in) : form == dense_form && load_dense(in));
  if (!good)
    *this = {};
  return good;
}

bool hyper_log_log::load_sparse(byte_reader& in) {
  auto n = in.varint();
  if (!in.ok() || n > sparse_limit)
    return false;
  reserve(n);
  std::uint64_t entry = 0;
  for (std::uint64_t i = 0; i < n; ++i) {
    auto before = entry;
    auto step = in.varint();
    if (!in.ok() || step == 0 || step > UINT32_MAX - before)
      return false;
    entry += step;
    auto rank = entry & rank_mask;
    if (rank == 0 || rank > max_sparse_rank || (i > 0 && entry >> rank_bits == before >> rank_bits))
      return false;
    add_entry(static_cast<std::uint32_t>(entry));
  }
  return true;
}

bool hyper_log_log::load_dense(byte_reader& in) {
  auto packed = in.take(packed_bytes);
  if (!in.ok())
    return false;
  make_dense();
  std::uint8_t highest = 0;
  for (std::size_t i = 0; i < registers / 4; ++i) {
    const auto* three = packed.data() + i * 3;
    const auto four = static_cast<std::uint32_t>(static_cast<std::uint8_t>(three[0]) |
                                                 static_cast<std::uint8_t>(three[1]) << 8 |
                                                 static_cast<std::uint8_t>(three[2]) << 16);
    for (std::size_t r = 0; r < 4; ++r) {
      dense_[i * 4 + r] = static_cast<std::uint8_t>(four >> (r * rank_bits) & rank_mask);
      highest = std::max(highest, dense_[i * 4 + r]);
    }
  }
  return highest <= max_rank;
}

std::size_t hyper_log_log::heap_bytes() const noexcept {
  return dense_ != nullptr ? registers : slots_ * sizeof(std::uint32_t);
}

} // namespace tidemill
