#include "pipeline/sketch/dd_sketch.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

namespace tidemill {
namespace {

constexpr int per_octave = 35;
constexpr int lowest_octave = -30; // values from 2^-30 on have a bucket
constexpr std::uint64_t mantissa_mask = (std::uint64_t{1} << 52) - 1;

// Where 1 + s, s in [0, 1), lies within its octave, from 0 to 35; a stand-in for 35 log2(1 + s). Its slope
// times (1 + s) is at least 50, reached at 0 and 2/3, so no bucket spans more than a factor of e^(1/50) and
// the middle of one is within tanh(1/100) = 0.99997 % of its ends.
constexpr double place(double s) noexcept {
  return ((6 * s - 21) * s + 50) * s;
}

// Where buckets of the octave [1, 2) begin, by bisection.
constexpr double boundary(int j) noexcept {
  double low = 0, high = 1;
  for (int i = 0; i < 60; ++i) {
    auto middle = (low + high) / 2;
    (place(middle) < j ? low : high) = middle;
  }
  return 1 + high;
}

// The harmonic middle of each bucket of [1, 2): equally far, relatively, from both ends.
constexpr auto middles = [] {
  std::array<double, per_octave> all{};
  double low = 1;
  for (int j = 0; j < per_octave; ++j) {
    auto high = boundary(j + 1);
    all[static_cast<std::size_t>(j)] = 2 * low * high / (low + high);
    low = high;
  }
  return all;
}();

constexpr std::int32_t round_to = 32; // dense ranges grow by whole groups of buckets
static_assert(dd_sketch::last_key <= std::numeric_limits<std::int16_t>::max());

// Distinct arrays, which lets the compiler add several counts at a time.
void add_counts(std::uint64_t* __restrict into, const std::uint64_t* __restrict from,
                std::size_t n) noexcept {
  for (std::size_t i = 0; i < n; ++i)
    into[i] += from[i];
}

} // namespace

std::int32_t dd_sketch::key_of(double x) noexcept {
  auto magnitude = std::fabs(x);
  if (magnitude < 0x1p-30)
    return 0;
  auto key = last_key;
  if (magnitude < 0x1p64) {
    auto bits = std::bit_cast<std::uint64_t>(magnitude);
    auto octave = static_cast<std::int32_t>(bits >> 52) - 1023 - lowest_octave;
    auto s = std::bit_cast<double>((bits & mantissa_mask) | std::bit_cast<std::uint64_t>(1.0)) - 1;
    // Rounding may give 35 just below the next octave: the next bucket then, which is as close.
    key = std::min(octave * per_octave + static_cast<std::int32_t>(place(s)) + 1, last_key);
  }
  return x < 0 ? -key : key;
}

double dd_sketch::value_of(std::int32_t key) noexcept {
  if (key == 0)
    return 0;
  auto at = std::abs(key) - 1;
  auto x = std::ldexp(middles[static_cast<std::size_t>(at % per_octave)], at / per_octave + lowest_octave);
  return key < 0 ? -x : x;
}

void dd_sketch::add(double x) {
  if (std::isnan(x))
    return;
  x += 0.0; // -0 and 0 are one value
  min_ = count_ == 0 ? x : std::min(min_, x);
  max_ = count_ == 0 ? x : std::max(max_, x);
  ++count_;
  add_at(key_of(x), 1);
}

void dd_sketch::add_at(std::int32_t key, std::uint64_t n) {
  if (!dense() && add_sparse(key, n))
    return;
  if (!dense())
    make_dense(key, key);
  if (key < first_ || key > last())
    widen(std::min(key, first_), std::max(key, last()));
  counts_[static_cast<std::size_t>(key - first_)] += n;
}

// False: no room in this form.
bool dd_sketch::add_sparse(std::int32_t key, std::uint64_t n) {
  auto wanted = static_cast<std::int16_t>(key);
  auto at =
      static_cast<std::size_t>(std::lower_bound(keys_.get(), keys_.get() + used_, wanted) - keys_.get());
  if (at < used_ && keys_[at] == wanted) {
    counts_[at] += n;
    return true;
  }
  if (used_ == sparse_limit)
    return false;
  if (used_ == room_)
    make_room(room_ == 0 ? 4u : room_ * 2u);
  std::copy_backward(keys_.get() + at, keys_.get() + used_, keys_.get() + used_ + 1);
  std::copy_backward(counts_.get() + at, counts_.get() + used_, counts_.get() + used_ + 1);
  keys_[at] = wanted;
  counts_[at] = n;
  ++used_;
  return true;
}

// For so many buckets in the sparse form.
void dd_sketch::make_room(std::size_t buckets) {
  auto keys = std::make_unique_for_overwrite<std::int16_t[]>(buckets);
  auto counts = std::make_unique_for_overwrite<std::uint64_t[]>(buckets);
  std::copy_n(keys_.get(), used_, keys.get());
  std::copy_n(counts_.get(), used_, counts.get());
  keys_ = std::move(keys);
  counts_ = std::move(counts);
  room_ = static_cast<std::uint16_t>(buckets);
}

// Turns to the dense form, with room for the buckets `low` … `high` and those in use.
void dd_sketch::make_dense(std::int32_t low, std::int32_t high) {
  auto keys = std::move(keys_);
  auto counts = std::move(counts_);
  std::size_t used = used_;
  used_ = room_ = 0;
  if (used > 0)
    widen(std::min<std::int32_t>(low, keys[0]), std::max<std::int32_t>(high, keys[used - 1]));
  else
    widen(low, high);
  for (std::size_t i = 0; i < used; ++i)
    counts_[static_cast<std::size_t>(keys[i] - first_)] = counts[i];
}

// Makes room for the buckets `low` … `high`, which include those there are.
void dd_sketch::widen(std::int32_t low, std::int32_t high) {
  auto down = [](std::int32_t key) { return (key + last_key) / round_to * round_to - last_key; };
  low = down(low);
  high = std::min(down(high) + round_to - 1, last_key);
  auto wider = std::make_unique<std::uint64_t[]>(static_cast<std::size_t>(high - low + 1));
  std::copy(counts_.get(), counts_.get() + used_, wider.get() + (used_ == 0 ? 0 : first_ - low));
  counts_ = std::move(wider);
  first_ = low;
  used_ = static_cast<std::uint16_t>(high - low + 1);
}

template <class Each>
void dd_sketch::for_each(Each each) const {
  for (std::size_t i = 0; i < used_; ++i)
    if (counts_[i] != 0)
      each(keys_ != nullptr ? keys_[i] : first_ + static_cast<std::int32_t>(i), counts_[i]);
}

void dd_sketch::merge(const dd_sketch& other) {
  if (other.count_ == 0)
    return;
  if (count_ == 0)
    return copy(other);
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
  count_ += other.count_;
  if (!other.dense())
    return other.for_each([&](std::int32_t key, std::uint64_t n) { add_at(key, n); });
  if (!dense())
    make_dense(other.first_, other.last());
  else if (other.first_ < first_ || other.last() > last())
    widen(std::min(first_, other.first_), std::max(last(), other.last()));
  add_counts(counts_.get() + (other.first_ - first_), other.counts_.get(), other.used_);
}

void dd_sketch::copy(const dd_sketch& other) {
  auto size = std::max(other.used_, other.room_);
  keys_ = nullptr;
  if (other.keys_ != nullptr) {
    keys_ = std::make_unique_for_overwrite<std::int16_t[]>(size);
    std::copy_n(other.keys_.get(), other.used_, keys_.get());
  }
  counts_ = std::make_unique_for_overwrite<std::uint64_t[]>(size);
  std::copy_n(other.counts_.get(), other.used_, counts_.get());
  count_ = other.count_;
  min_ = other.min_;
  max_ = other.max_;
  first_ = other.first_;
  used_ = other.used_;
  room_ = other.room_;
}

double dd_sketch::quantile(double q) const {
  auto highest = static_cast<double>(count_ - 1);
  if (q * highest >= highest)
    return max_;
  auto rank = static_cast<std::uint64_t>(q * highest);
  if (rank == 0)
    return min_;
  auto answer = last_key;
  auto found = false;
  std::uint64_t below = 0;
  for_each([&](std::int32_t key, std::uint64_t n) {
    below += n;
    if (!found && below > rank) {
      answer = key;
      found = true;
    }
  });
  return std::clamp(value_of(answer), min_, max_);
}

void dd_sketch::save(byte_writer& out) const {
  std::uint64_t buckets = 0;
  for_each([&](std::int32_t, std::uint64_t) { ++buckets; });
  out.varint(buckets);
  if (buckets == 0)
    return;
  out.fixed(min_);
  out.fixed(max_);
  std::int32_t before = -last_key;
  for_each([&](std::int32_t key, std::uint64_t n) {
    out.varint(static_cast<std::uint64_t>(key - before));
    out.varint(n);
    before = key;
  });
}

bool dd_sketch::load(byte_reader& in) {
  *this = {};
  auto buckets = in.varint();
  if (!in.ok() || buckets > std::uint64_t{2 * last_key + 1})
    return false;
  if (buckets == 0)
    return true;
  dd_sketch read;
  read.min_ = in.fixed<double>();
  read.max_ = in.fixed<double>();
  if (!(read.min_ <= read.max_))
    return false;
  const auto first = key_of(read.min_), last = key_of(read.max_);
  if (buckets > sparse_limit)
    read.make_dense(first, last);
  else
    read.make_room(std::bit_ceil(std::max<std::size_t>(buckets, 4)));
  auto key = -last_key;
  for (std::uint64_t i = 0; i < buckets; ++i) {
    auto step = in.varint();
    auto n = in.varint();
    if (!in.ok() || n == 0 || n > (std::uint64_t{1} << 62) - read.count_ || (i > 0 && step == 0) ||
        step > static_cast<std::uint64_t>(last - key))
      return false;
    key += static_cast<std::int32_t>(step);
    if (i == 0 && key != first)
      return false;
    read.count_ += n;
    read.add_at(key, n);
  }
  if (key != last)
    return false;
  *this = std::move(read);
  return true;
}

std::size_t dd_sketch::heap_bytes() const noexcept {
  return dense() ? used_ * sizeof(std::uint64_t) : room_ * (sizeof(std::uint64_t) + sizeof(std::int16_t));
}

} // namespace tidemill
