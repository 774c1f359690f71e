#pragma once

#include "event/result.hpp"
#include "event/time.hpp"
#include "storage/checkpoint/blob_store.hpp"
#include "storage/checkpoint/checkpoint.hpp"
#include "storage/checkpoint/layers.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace tidemill {

/// Manifests over packs of state, per partition: two manifests are kept, and every pack they name. A save
/// writes what has changed since the one before (see `state_layer`), then its manifest, then moves the head.
/// Thread-safe; calls for one key wait for each other.
class checkpoint_store {
public:
  /// In a folder; it is created by the first save.
  [[nodiscard]] static result<std::unique_ptr<checkpoint_store>> open(std::filesystem::path folder);
  explicit checkpoint_store(std::unique_ptr<blob_store> blobs);
  ~checkpoint_store();

  /// Errors: `io`, `full`, `fenced`: the older checkpoints stay usable.
  status save(const std::string& key, const checkpoint& c);
  /// The newest checkpoint whose manifest and packs are intact; none if there never was one. Its `pieces`
  /// may be read while the store lives, until the second save after it. `warnings` receives a sentence for
  /// each damaged one passed over. All damaged: `corrupt`. Of another format: `mismatch`.
  [[nodiscard]] result<std::unique_ptr<checkpoint>> load(const std::string& key,
                                                         std::vector<std::string>& warnings);
  /// The lowest offset and journal position that the kept manifests need; nothing below is needed.
  struct needs {
    offset at = 0;
    std::uint64_t journal = 0;
    std::vector<std::string> tables;
  };
  [[nodiscard]] result<needs> needed(const std::string& key) const;

  /// What is stored, for people; another process may be saving meanwhile.
  struct kept {
    std::uint64_t number = 0;
    bool newest = false; ///< the head names it
    std::string damage;  ///< not empty: the rest is
    event_time saved{};
    checkpoint head;                 ///< without pieces
    std::vector<state_layer> layers; ///< newest first
  };
  struct history {
    std::string key, place;
    std::vector<kept> checkpoints; ///< newest first
  };
  [[nodiscard]] result<std::vector<history>> histories() const;

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace tidemill
