#pragma once

#include "event/result.hpp"
#include "storage/checkpoint/checkpoint_store.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// What a manifest file says: a checkpoint, with the names of its segments in place of their bytes.
///
///     magic u32, version u32, key, at, journal, source, mark, state_ids, sinks, tables, pieces, checksum u64
struct manifest {
  struct piece {
    std::string name; ///< as in `checkpoint::segments`
    std::string id;   ///< `content_id` of the bytes
    std::uint64_t bytes = 0;
  };
  std::string key;
  checkpoint head; ///< without segments
  std::vector<piece> pieces;
};

[[nodiscard]] std::string encode_manifest(const manifest& m);
/// `file` is for the texts of errors: `corrupt` (damaged, or of another key), `mismatch` (a later format).
[[nodiscard]] result<manifest> decode_manifest(std::string_view bytes, const std::string& key,
                                               const std::string& file);

/// A key as a file name: letters, digits, `-`, `_` and inner dots stay, other bytes become `%2F`; a long
/// one is cut and ends in a hash of it all. Different keys, different names.
[[nodiscard]] std::string safe_name(std::string_view key);

} // namespace tidemill
