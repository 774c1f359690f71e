#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tidemill {

/// Whose checkpoints go with an offset that is committed to a group; kept in the offset's metadata.
struct checkpoint_holder {
  std::string store; ///< id of the checkpoint store
  std::string name;  ///< the same for people: host and folder
};

/// `tidemill store=<id> at=<name>`, cut to what brokers take.
[[nodiscard]] std::string to_metadata(const checkpoint_holder& holder);
/// Nothing for offsets that other programs committed.
[[nodiscard]] std::optional<checkpoint_holder> parse_metadata(std::string_view metadata);

} // namespace tidemill
