#include "storage/kafka/crc32c.hpp"

#include <array>
#include <cstddef>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace tidemill {
namespace {

constexpr std::uint32_t polynomial = 0x82f63b78;

constexpr std::uint32_t times_x(std::uint32_t v) noexcept {
  return (v >> 1) ^ ((v & 1) != 0 ? polynomial : 0);
}

/// `tables[k][b]`: what byte b does to a checksum k bytes further on.
using tables_type = std::array<std::array<std::uint32_t, 256>, 8>;
constexpr tables_type tables = [] {
  tables_type t{};
  for (std::uint32_t b = 0; b < 256; ++b) {
    auto v = b;
    for (int i = 0; i < 8; ++i)
      v = times_x(v);
    t[0][b] = v;
  }
  for (std::size_t k = 1; k < t.size(); ++k)
    for (std::size_t b = 0; b < 256; ++b)
      t[k][b] = (t[k - 1][b] >> 8) ^ t[0][t[k - 1][b] & 0xff];
  return t;
}();

#if defined(__x86_64__)

std::uint64_t load(const char* p) noexcept {
  std::uint64_t v = 0;
  std::memcpy(&v, p, sizeof v);
  return v;
}

/// x to the power of n, modulo the polynomial; bits reflected.
constexpr std::uint32_t power_of_x(std::size_t n) noexcept {
  std::uint32_t v = 0x80000000;
  for (; n != 0; --n)
    v = times_x(v);
  return v;
}

/// `crc` as it is after `Length` zero bytes more. The product of two reflected numbers comes out times x, and
/// the instruction multiplies by x^32: hence 33 less.
template <std::size_t Length>
[[gnu::target("sse4.2,pclmul")]] std::uint64_t shifted(std::uint64_t crc) noexcept {
  constexpr auto factor = power_of_x(8 * Length - 33);
  auto product = _mm_clmulepi64_si128(_mm_cvtsi64_si128(static_cast<long long>(crc)),
                                      _mm_cvtsi64_si128(static_cast<long long>(factor)), 0);
  return _mm_crc32_u64(0, static_cast<std::uint64_t>(_mm_cvtsi128_si64(product)));
}

/// Three blocks at once: the instruction takes three cycles, but a new one may begin in each.
template <std::size_t Length>
[[gnu::target("sse4.2,pclmul")]] std::uint64_t three_blocks(std::uint64_t a, const char*& p,
                                                            std::size_t& left) noexcept {
  while (left >= 3 * Length) {
    std::uint64_t b = 0, c = 0;
    for (std::size_t i = 0; i < Length; i += 8) {
      a = _mm_crc32_u64(a, load(p + i));
      b = _mm_crc32_u64(b, load(p + Length + i));
      c = _mm_crc32_u64(c, load(p + 2 * Length + i));
    }
    a = shifted<Length>(shifted<Length>(a) ^ b) ^ c;
    p += 3 * Length;
    left -= 3 * Length;
  }
  return a;
}

[[gnu::target("sse4.2,pclmul")]] std::uint32_t by_instruction(const char* p, std::size_t left) noexcept {
  std::uint64_t crc = 0xffffffff;
  crc = three_blocks<2048>(crc, p, left);
  crc = three_blocks<128>(crc, p, left);
  for (; left >= 8; left -= 8, p += 8)
    crc = _mm_crc32_u64(crc, load(p));
  auto last = static_cast<std::uint32_t>(crc);
  for (; left != 0; --left, ++p)
    last = _mm_crc32_u8(last, static_cast<unsigned char>(*p));
  return ~last;
}

const bool has_instruction = __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");

#endif

} // namespace

std::uint32_t crc32c_by_table(std::string_view bytes) noexcept {
  std::uint32_t crc = 0xffffffff;
  const auto* p = reinterpret_cast<const unsigned char*>(bytes.data());
  auto left = bytes.size();
  for (; left >= 8; left -= 8, p += 8) {
    std::uint32_t v = crc ^ (p[0] | p[1] << 8 | p[2] << 16 | static_cast<std::uint32_t>(p[3]) << 24);
    crc = tables[7][v & 0xff] ^ tables[6][v >> 8 & 0xff] ^ tables[5][v >> 16 & 0xff] ^ tables[4][v >> 24] ^
          tables[3][p[4]] ^ tables[2][p[5]] ^ tables[1][p[6]] ^ tables[0][p[7]];
  }
  for (; left != 0; --left, ++p)
    crc = crc >> 8 ^ tables[0][(crc ^ *p) & 0xff];
  return ~crc;
}

std::uint32_t crc32c(std::string_view bytes) noexcept {
#if defined(__x86_64__)
  if (has_instruction)
    return by_instruction(bytes.data(), bytes.size());
#endif
  return crc32c_by_table(bytes);
}

} // namespace tidemill
