#include "tests/fuzz/fuzz_coverage.hpp"

#include <cstdint>
#include <cstring>

// The functions here call nothing that is instrumented: the callback would call itself, and each look at the
// map be counted in it.
#define TIDEMILL_NOT_COUNTED __attribute__((no_sanitize_coverage, no_sanitize_address, no_sanitize_undefined))

namespace {

constexpr std::size_t map_size = std::size_t{1} << 16;
alignas(8) std::uint8_t hits[map_size]; // of this input
alignas(8) std::uint8_t seen[map_size]; // of all: a bit for each range of counts
std::size_t last_place = 0;

/// 1, 2, 3, 4-7, 8-15, 16-31, 32-127, more: other counts of a loop say little.
TIDEMILL_NOT_COUNTED std::uint8_t range_of(std::uint8_t n) noexcept {
  auto range = n < 4 ? n - 1 : n < 8 ? 3 : n < 16 ? 4 : n < 32 ? 5 : n < 128 ? 6 : 7;
  return static_cast<std::uint8_t>(1 << range);
}

} // namespace

extern "C" TIDEMILL_NOT_COUNTED void __sanitizer_cov_trace_pc() {
  auto place = reinterpret_cast<std::size_t>(__builtin_return_address(0));
  auto mixed = (place * 0x9E3779B97F4A7C15u) >> 48;
  auto& n = hits[mixed ^ last_place];
  n = static_cast<std::uint8_t>(n + (n < 255 ? 1 : 0));
  last_place = mixed >> 1;
}

namespace tidemill::test {

TIDEMILL_NOT_COUNTED void coverage_begin() noexcept {
  std::memset(hits, 0, sizeof hits);
  last_place = 0;
}

TIDEMILL_NOT_COUNTED bool coverage_end() noexcept {
  bool fresh = false;
  for (std::size_t i = 0; i < map_size; i += 8) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, hits + i, 8);
    for (std::size_t j = i; eight != 0 && j < i + 8; ++j) {
      auto range = hits[j] == 0 ? std::uint8_t{0} : range_of(hits[j]);
      fresh |= (seen[j] & range) != range;
      seen[j] = static_cast<std::uint8_t>(seen[j] | range);
    }
  }
  return fresh;
}

TIDEMILL_NOT_COUNTED std::size_t coverage_places() noexcept {
  std::size_t out = 0;
  for (auto s : seen)
    out += s != 0 ? 1 : 0;
  return out;
}

} // namespace tidemill::test
