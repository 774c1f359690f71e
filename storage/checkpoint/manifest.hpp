#pragma once

#include "event/result.hpp"
#include "event/time.hpp"
#include "storage/checkpoint/checkpoint.hpp"
#include "storage/checkpoint/layers.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// What a manifest says: a checkpoint, with the packs that hold its entries in place of them.
///
///     magic u32, version u32, key, saved, at, journal, source, mark, state_ids, sinks, tables, core, layers,
///     checksum u64
struct manifest {
  std::string key;
  event_time saved{};              ///< by the clock of who saved it
  checkpoint head;                 ///< with its core, without entries
  std::vector<state_layer> layers; ///< newest first
};

[[nodiscard]] std::string encode_manifest(const manifest& m);
/// `file` is for the texts of errors: `corrupt` (damaged, or of another key; empty: of any), `mismatch`
/// (another format).
[[nodiscard]] result<manifest> decode_manifest(std::string_view bytes, const std::string& key,
                                               const std::string& file);

/// A manifest's name without its suffix: `<20-digit number>-<token>`. The token is the writer's own, so that
/// two who believe in the same number don't write the same names.
struct blob_number {
  std::uint64_t number = 0, token = 0;
  friend bool operator==(const blob_number&, const blob_number&) = default;
};
[[nodiscard]] std::string to_text(const blob_number& n);
[[nodiscard]] std::string manifest_name(const blob_number& n);
[[nodiscard]] std::string pack_name(const state_pack& p);
/// Nothing if it is not the name of a manifest.
[[nodiscard]] std::optional<blob_number> parse_manifest_name(std::string_view name);

/// Some pieces of a state as the bytes of one pack.
class pack_writer {
public:
  pack_writer();
  void add(std::string_view piece);
  [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }

private:
  std::string bytes_;
};
/// Calls `each` for the pieces of a pack whose bytes have been checked.
status for_each_piece(std::string_view pack, const std::string& file,
                      const std::function<status(std::string_view)>& each);

/// A key as a file name: letters, digits, `-`, `_` and inner dots stay, other bytes become `%2F`; a long
/// one is cut and ends in a hash of it all. Different keys, different names.
[[nodiscard]] std::string safe_name(std::string_view key);

} // namespace tidemill
