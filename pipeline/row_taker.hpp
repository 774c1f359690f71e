#pragma once

#include "event/batch.hpp"

#include <cstddef>
#include <vector>

namespace tidemill {

/// Takes the events of views in place of their panes: for computing rows in another way, to compare.
class row_taker {
public:
  virtual ~row_taker() = default;
  /// The rows of the stream that a view reads, behind its last step. `watermarks[row]` is the partition's
  /// watermark before that record. Times are judged; `where`, inputs and lateness of the view are not.
  virtual void take(std::size_t view, const event_batch& batch, const selection& rows,
                    const std::vector<event_time>& watermarks) = 0;
};

} // namespace tidemill
