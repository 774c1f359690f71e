#pragma once

#include "event/ids.hpp"
#include "event/result.hpp"
#include "storage/record_source.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tidemill {

/// What a worker saves: everything that a new one needs to go on from `at`.
struct checkpoint {
  offset at = 0;
  std::uint64_t journal = 0;                    ///< journal entries below this position are contained
  std::string source;                           ///< `record_source::identity`
  std::optional<record_mark> mark;              ///< the last record before `at`, if there is one
  std::map<std::string, std::string> state_ids; ///< stateful part → hash of all that affects it
  std::map<std::string, offset> sinks;          ///< event sink → durable up to here
  std::vector<std::string> tables;              ///< table versions that a replay from here needs
  /// Named pieces of state; a piece whose bytes equal an earlier one's is stored once.
  std::vector<std::pair<std::string, std::shared_ptr<const std::string>>> segments;
};

/// Manifests over checksummed segments, per partition: two manifests are kept, and every segment they name.
/// A manifest is renamed into place after its segments are durable. Thread-safe per key.
class checkpoint_store {
public:
  /// Errors: `io`.
  [[nodiscard]] static result<std::unique_ptr<checkpoint_store>> open(std::filesystem::path folder);
  ~checkpoint_store();

  /// Errors: `io`, `full`: the older checkpoints stay usable.
  status save(const std::string& key, const checkpoint& c);
  /// The newest checkpoint whose manifest and segments are intact; none if there never was one.
  /// `warnings` receives a sentence for each damaged one passed over. All damaged: `corrupt`.
  [[nodiscard]] result<std::unique_ptr<checkpoint>> load(const std::string& key,
                                                         std::vector<std::string>& warnings);
  /// The lowest offset and journal position that the kept manifests need; nothing below is needed.
  struct needs {
    offset at = 0;
    std::uint64_t journal = 0;
    std::vector<std::string> tables;
  };
  [[nodiscard]] result<needs> needed(const std::string& key) const;

private:
  struct impl;
  explicit checkpoint_store(std::unique_ptr<impl> i);
  std::unique_ptr<impl> impl_;
};

} // namespace tidemill
