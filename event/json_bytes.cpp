#include "event/json_bytes.hpp"

#include <bit>
#include <cstdint>
#include <cstring>

namespace tidemill {
namespace {

// Vectors are those of the compiler (GCC and Clang), so that any processor with 16 bytes at once will do.
using bytes16 = unsigned char __attribute__((vector_size(16)));
using words16 = std::uint64_t __attribute__((vector_size(16)));

bytes16 load16(const char* from) noexcept {
  bytes16 x;
  std::memcpy(&x, from, sizeof x);
  return x;
}

/// FF for each byte that may not stand inside of a string.
bytes16 foreign(bytes16 x) noexcept {
  return (bytes16)((x == '"') | (x == '\\') | (x < ' '));
}

bool match16(const char* at, const json_stretch& wanted, std::size_t size, bool& high) noexcept {
  bytes16 faults{}, all{};
  auto look = [&](std::size_t i) {
    auto x = load16(at + i);
    all |= x;
    faults |= ((x ^ load16(wanted.text + i)) & load16(wanted.literal + i)) |
              (foreign(x) & load16(wanted.inside + i));
  };
  for (std::size_t i = 0; i + 16 < size; i += 16)
    look(i);
  look(size - 16);
  auto sums = (words16)faults;
  auto tops = (words16)all & 0x8080808080808080;
  high = high || (tops[0] | tops[1]) != 0;
  return (sums[0] | sums[1]) == 0;
}

const char* byte_by_byte(const char* at, const char* end, bool& high) noexcept {
  for (; at != end; ++at) {
    auto c = static_cast<unsigned char>(*at);
    if (c == '"')
      return at;
    if (c == '\\' || c < ' ')
      return nullptr;
    high = high || c >= 0x80;
  }
  return nullptr;
}

const char* string_end16(const char* at, const char* end, bool& high) noexcept {
  for (; end - at >= 16; at += 16) {
    auto x = load16(at);
    auto found = (words16)foreign(x);
    if ((found[0] | found[1]) != 0)
      break; // within the next 16
    auto tops = (words16)x & 0x8080808080808080;
    high = high || (tops[0] | tops[1]) != 0;
  }
  return byte_by_byte(at, end, high);
}

#if defined(__x86_64__)

using bytes32 = unsigned char __attribute__((vector_size(32)));
using signs32 = char __attribute__((vector_size(32)));

#define TIDEMILL_AVX2 [[gnu::target("avx2,bmi")]]

TIDEMILL_AVX2 bool match32(const char* at, const json_stretch& wanted, std::size_t size,
                           bool& high) noexcept {
  bytes32 faults{}, all{};
  for (std::size_t i = 0;;) {
    bytes32 x, text, literal, inside;
    std::memcpy(&x, at + i, 32);
    std::memcpy(&text, wanted.text + i, 32);
    std::memcpy(&literal, wanted.literal + i, 32);
    std::memcpy(&inside, wanted.inside + i, 32);
    all |= x;
    faults |= ((x ^ text) & literal) | ((bytes32)((x == '"') | (x == '\\') | (x < ' ')) & inside);
    if (i + 32 >= size)
      break;
    i = i + 64 <= size ? i + 32 : size - 32;
  }
  high = high || __builtin_ia32_pmovmskb256((signs32)all) != 0;
  return __builtin_ia32_ptestz256((long long __attribute__((vector_size(32))))faults,
                                  (long long __attribute__((vector_size(32))))faults) != 0;
}

TIDEMILL_AVX2 const char* string_end32(const char* at, const char* end, bool& high) noexcept {
  for (; end - at >= 32; at += 32) {
    bytes32 x;
    std::memcpy(&x, at, 32);
    auto found = static_cast<std::uint32_t>(
        __builtin_ia32_pmovmskb256((signs32)((x == '"') | (x == '\\') | (x < ' '))));
    high = high || __builtin_ia32_pmovmskb256((signs32)x) != 0;
    if (found != 0) {
      at += __builtin_ctz(found);
      return *at == '"' ? at : nullptr;
    }
  }
  return byte_by_byte(at, end, high);
}

#undef TIDEMILL_AVX2
#endif

} // namespace

json_byte_functions narrow_json_functions() noexcept {
  return {match16, string_end16};
}

json_byte_functions best_json_functions() noexcept {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi"))
    return {match32, string_end32};
#endif
  return narrow_json_functions();
}

} // namespace tidemill
