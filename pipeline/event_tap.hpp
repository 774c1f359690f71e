#pragma once

#include "event/batch.hpp"

#include <cstddef>

namespace tidemill {

/// Somebody who looks at events on their way through a partition. Changes nothing, and must be quick.
class event_tap {
public:
  virtual ~event_tap() = default;
  /// The selected rows of a stream, before its first step (`done` = 0) or after so many of its steps. Columns
  /// that nobody reads may be empty.
  virtual void see(std::size_t stream, std::size_t done, const event_batch& batch) = 0;
};

} // namespace tidemill
