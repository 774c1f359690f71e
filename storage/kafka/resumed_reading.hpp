#pragma once

#include "storage/record_source.hpp"

#include <optional>

namespace tidemill {

/// Reading on behind a checkpoint: the last record before it is read again and compared, since an offset
/// alone doesn't notice that a topic was deleted, created again and filled again. Pure.
///
///     wanted 50, mark (49, hash)   →   read from 49
///     49 with that hash            →   dropped, 50 … are handed on
///     49 with another hash         →   exchanged
///     first record is 50           →   49 was compacted away: handed on
class resumed_reading {
public:
  resumed_reading() = default;
  resumed_reading(offset wanted, const std::optional<record_mark>& before) : wanted_(wanted), mark_(before) {}

  /// Where reading begins.
  [[nodiscard]] offset from() const noexcept { return mark_ ? mark_->at : wanted_; }
  [[nodiscard]] offset wanted() const noexcept { return wanted_; }
  /// Whether the marked record hasn't been met yet.
  [[nodiscard]] bool open() const noexcept { return mark_.has_value(); }

  enum class verdict : unsigned char { pass, drop, exchanged };
  /// The next batch, cut to what is wanted. `drop`: nothing of it is.
  verdict check(record_batch_ptr& batch);
  /// The log begins at `available`. True: nothing that is wanted is gone, only the marked record may be.
  [[nodiscard]] bool check_gap(offset available);

private:
  offset wanted_ = 0;
  std::optional<record_mark> mark_;
};

} // namespace tidemill
