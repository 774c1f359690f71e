#pragma once

#include "event/result.hpp"

#include <cstddef>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// A record of a view's log that a log wouldn't take, as that of a window with millions of rows, goes in as
/// pieces, one behind the other:
///
///     '(' first piece   '+' next one …   ')' last piece
///
/// Other records are longer than nothing and begin with another byte.
inline constexpr std::size_t view_log_piece_bytes = std::size_t{64} << 20;

/// Records as the log takes them. `cut` keeps the bytes of pieces; all others are those of `records`.
[[nodiscard]] std::vector<std::string_view> cut_records(std::span<const std::string> records,
                                                        std::deque<std::string>& cut,
                                                        std::size_t most = view_log_piece_bytes);

/// Makes whole records of pieces, in the order of the log. Pieces without an end, as a crash leaves them, are
/// forgotten with what follows.
class record_joiner {
public:
  /// The record that this one is or completes, valid until the next call; nothing: more follows. Errors:
  /// `corrupt`, of a piece without those before it.
  [[nodiscard]] result<std::optional<std::string_view>> take(std::string_view record);

private:
  std::string whole_;
  bool open_ = false; ///< pieces are to follow
};

} // namespace tidemill
