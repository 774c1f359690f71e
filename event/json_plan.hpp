#pragma once

#include "event/schema.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

class json_object_plan;

/// One wanted key of an object: the fields that take its value as it is, and what is wanted inside of it.
struct json_key_plan {
  std::string key;
  std::vector<std::uint32_t> fields;
  std::unique_ptr<json_object_plan> inside; ///< null if nothing is
  std::uint64_t seen = 0;                   ///< number of the last record that has the key, for the decoder
};

/// The wanted keys of one object.
///
/// Records mostly have the same keys in the same order, so the key at each place is compared with the last
/// one there, by its length, its first and last 8 bytes, and the rest if it is longer than these. Otherwise
/// it is looked up by a hash of the same. Answers don't depend on what came before, only their speed does.
class json_object_plan {
public:
  /// What is wanted of the key that comes at `place` (from 0) of its object; null if nothing is.
  [[nodiscard]] json_key_plan* find(std::string_view key, std::size_t place);
  [[nodiscard]] json_key_plan* find(std::string_view key) noexcept;

  /// The plan for a key, made if needed. Not to be called after `seal`.
  [[nodiscard]] json_key_plan& add(const std::string& key);
  /// Makes the plan ready for use, here and inside.
  void seal();

private:
  struct guess {
    std::string text;
    json_key_plan* key = nullptr;
    std::uint64_t first = 0, last = 0;
  };

  std::vector<json_key_plan> keys_;
  std::vector<std::uint32_t> slots_; ///< index in `keys_` + 1, or 0; a power of two of them
  std::size_t mask_ = 0;
  std::vector<guess> guesses_;
};

/// A tree of the paths of the `needed` fields.
[[nodiscard]] std::unique_ptr<json_object_plan> plan_json(const schema& fields,
                                                          const std::vector<std::uint32_t>& needed);

} // namespace tidemill
