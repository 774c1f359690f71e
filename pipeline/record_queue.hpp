#pragma once

#include "event/batch.hpp"

#include <cstdint>
#include <deque>

namespace tidemill {

/// The place of a partition in its log: the next record to consume, and the records behind it that have been
/// read. Offsets between records belong to no one and are passed over.
class record_queue {
public:
  /// Of an empty queue.
  void start(offset at) noexcept { position_ = at; }
  /// Adds the records that are new; returns whether there are any, or offsets without records.
  bool add(const record_batch_ptr& batch);
  /// The records below `limit` are consumed; returns how many there were. The position moves behind the last
  /// of them, and to `limit` as far as it has been read.
  std::uint64_t release(offset limit);
  /// The records below `to`, which lies behind the position, are gone, whether they have been read or not.
  void lose(offset to);

  [[nodiscard]] offset position() const noexcept { return position_; }
  /// Where reading goes on.
  [[nodiscard]] offset read_position() const noexcept {
    return batches_.empty() ? position_ : batches_.back()->end;
  }
  [[nodiscard]] bool empty() const noexcept { return batches_.empty(); }
  /// The end of the next record, or of a batch without any. Of a queue that isn't empty.
  [[nodiscard]] offset next_end() const noexcept;
  [[nodiscard]] const std::deque<record_batch_ptr>& batches() const noexcept { return batches_; }

private:
  offset position_ = 0;
  std::deque<record_batch_ptr> batches_;
};

} // namespace tidemill
