#pragma once

#include "event/ids.hpp"
#include "event/result.hpp"
#include "event/time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tidemill {

/// A dead letter as the log holds it; views into the record.
struct stored_letter {
  std::uint64_t position = 0; ///< in the log
  std::string_view stream;
  event_id id;
  std::optional<event_time> written; ///< when; nothing: by an earlier version
  std::string_view json;
};

[[nodiscard]] std::string encode_letter(const stored_letter& l);
/// Nothing if it is none. `position` is left to the caller.
[[nodiscard]] std::optional<stored_letter> decode_letter(std::string_view bytes);

/// A dead letter, taken apart: what the partition wrote, see docs/dead_letters.md.
struct dead_letter {
  std::uint64_t position = 0;
  std::string stream; ///< `hits.dead`
  std::string source;
  event_id id;
  std::optional<event_time> written;  ///< when it became a dead letter
  std::optional<event_time> received; ///< when the record's log received it
  std::optional<event_time> event_at; ///< of late ones
  std::string step, reason;
  std::int64_t code = 0;
  std::optional<std::string> value; ///< the original bytes; nothing: a tombstone
  bool has_meta = false;            ///< key and headers are known
  std::optional<std::string> key;
  std::vector<std::pair<std::string, std::optional<std::string>>> headers;
  std::string json; ///< all of it

  /// When it happened, as well as is known.
  [[nodiscard]] std::optional<event_time> at() const { return written ? written : received; }
  /// `clicks/3/4711`: where its record lies.
  [[nodiscard]] std::string place() const;
};

/// Errors: `corrupt`, with the position.
[[nodiscard]] result<dead_letter> read_letter(const stored_letter& l);

} // namespace tidemill
