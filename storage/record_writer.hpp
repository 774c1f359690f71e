#pragma once

#include "event/result.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tidemill {

/// A record on its way back to where records come from. Views live during the call only.
struct returning_record {
  std::optional<std::string_view> key;
  std::vector<std::pair<std::string_view, std::optional<std::string_view>>> headers;
  std::optional<std::string_view> value; ///< nothing: a tombstone
  std::int32_t partition = -1;           ///< of the topic; -1: any
};

/// A record that its target doesn't take, while it takes others.
struct unwritten_record {
  std::size_t number = 0; ///< counted from 0 since the last `flush`
  error why;
};

/// Writes records for the tools: replays. One thread; calls may block.
class record_writer {
public:
  virtual ~record_writer() = default;
  /// Takes a record; whether it was written `flush` tells.
  virtual status write(const returning_record& r) = 0;
  /// Makes all that was taken durable at its target, but for those appended to `unwritten`, which it refuses.
  /// After an error any of the records may have been written.
  virtual status flush(std::vector<unwritten_record>& unwritten) = 0;
};

} // namespace tidemill
