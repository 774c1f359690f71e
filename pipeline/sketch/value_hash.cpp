#include "pipeline/sketch/value_hash.hpp"

#include "event/hash.hpp"

#include <cmath>
#include <cstring>
#include <limits>
#include <string>

namespace tidemill {
namespace {

// Seeds that keep kinds apart. The numbers are part of stored sketches.
enum domain : std::uint64_t {
  whole = 1, // numbers equal to an int
  large = 2, // numbers equal to a uint beyond int
  real = 3,
  fraction = 4,
  text = 5,
  binary = 6,
  truth = 7,
  instant = 8,
  span = 9,
  other = 10,
};

template <class... Parts>
std::uint64_t hash_parts(domain d, Parts... parts) noexcept {
  char raw[(sizeof(Parts) + ...)];
  std::size_t at = 0;
  ((std::memcpy(raw + at, &parts, sizeof(Parts)), at += sizeof(Parts)), ...);
  return hash64({raw, sizeof(raw)}, d);
}

} // namespace

std::uint64_t value_hash(bool x) noexcept {
  return hash_parts(truth, static_cast<std::uint8_t>(x ? 1 : 0));
}

std::uint64_t value_hash(std::int64_t x) noexcept {
  return hash_parts(whole, x);
}

std::uint64_t value_hash(std::uint64_t x) noexcept {
  if (x <= std::uint64_t{std::numeric_limits<std::int64_t>::max()})
    return value_hash(static_cast<std::int64_t>(x));
  return hash_parts(large, x);
}

std::uint64_t value_hash(double x) noexcept {
  if (x == std::trunc(x) && x >= -0x1p63 && x < 0x1p64)
    return x < 0x1p63 ? value_hash(static_cast<std::int64_t>(x)) : value_hash(static_cast<std::uint64_t>(x));
  return hash_parts(real, std::isnan(x) ? std::numeric_limits<double>::quiet_NaN() : x);
}

std::uint64_t value_hash(decimal x) noexcept {
  auto integer = x.units / decimal_one;
  if (integer * decimal_one == x.units && integer >= std::numeric_limits<std::int64_t>::min() &&
      integer <= std::numeric_limits<std::uint64_t>::max())
    return integer <= std::numeric_limits<std::int64_t>::max()
               ? value_hash(static_cast<std::int64_t>(integer))
               : value_hash(static_cast<std::uint64_t>(integer));
  return hash_parts(fraction, x.units);
}

std::uint64_t value_hash(std::string_view x) noexcept {
  return hash64(x, text);
}

std::uint64_t value_hash_of_bytes(std::string_view bytes) noexcept {
  return hash64(bytes, binary);
}

std::uint64_t value_hash(timestamp x) noexcept {
  return hash_parts(instant, x.seconds, x.nanos);
}

std::uint64_t value_hash(duration x) noexcept {
  return hash_parts(span, x.nanos);
}

std::uint64_t value_hash(const value& x) {
  if (const auto* b = x.get_if<bool>())
    return value_hash(*b);
  if (const auto* i = x.get_if<std::int64_t>())
    return value_hash(*i);
  if (const auto* u = x.get_if<std::uint64_t>())
    return value_hash(*u);
  if (const auto* d = x.get_if<double>())
    return value_hash(*d);
  if (const auto* m = x.get_if<decimal>())
    return value_hash(*m);
  if (const auto* s = x.get_if<std::string>())
    return value_hash(std::string_view{*s});
  if (const auto* b = x.get_if<byte_string>())
    return value_hash_of_bytes(b->bytes);
  if (const auto* t = x.get_if<timestamp>())
    return value_hash(*t);
  if (const auto* d = x.get_if<duration>())
    return value_hash(*d);
  std::string encoded;
  append_encoded(encoded, x);
  return hash64(encoded, other);
}

} // namespace tidemill
