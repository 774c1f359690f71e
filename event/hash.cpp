#include "event/hash.hpp"

#include <xxhash.h>

namespace tidemill {

std::uint64_t hash64(std::string_view bytes, std::uint64_t seed) noexcept {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

hash128 hash128_of(std::string_view bytes) noexcept {
  auto hash = XXH3_128bits(bytes.data(), bytes.size());
  return {hash.low64, hash.high64};
}

std::string content_id(std::string_view bytes) {
  static constexpr char hex[] = "0123456789abcdef";
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits(bytes.data(), bytes.size()));
  std::string id;
  id.reserve(2 * sizeof canonical.digest);
  for (auto byte : canonical.digest) {
    id += hex[byte >> 4];
    id += hex[byte & 15];
  }
  return id;
}

} // namespace tidemill
