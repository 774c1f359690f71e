#pragma once

#include "event/schema.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

struct json_object_plan;

/// One wanted key of an object: the fields that take its value as it is, and what is wanted inside of it.
struct json_key_plan {
  std::string key;
  std::vector<std::uint32_t> fields;
  std::unique_ptr<json_object_plan> inside; ///< null if nothing is
  std::uint64_t seen = 0;                   ///< number of the last record that has the key, for the decoder
};

/// The wanted keys of one object. A lookup costs a hash of the key's length and its first and last bytes;
/// a key that isn't wanted mostly hits an empty slot.
struct json_object_plan {
  std::vector<json_key_plan> keys;

  [[nodiscard]] json_key_plan* find(std::string_view key) noexcept;
  /// Fills the hash table, here and inside.
  void seal();

private:
  std::vector<std::uint32_t> slots_; ///< index in `keys` + 1, or 0; a power of two of them
  std::size_t mask_ = 0;
};

/// A tree of the paths of the `needed` fields.
[[nodiscard]] std::unique_ptr<json_object_plan> plan_json(const schema& fields,
                                                          const std::vector<std::uint32_t>& needed);

} // namespace tidemill
