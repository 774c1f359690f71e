#pragma once

#include "event/frozen_state.hpp"

#include <cstdint>
#include <span>
#include <string_view>

namespace tidemill {

/// The entries of one part of a partition, a view or a step, frozen: see `frozen_state`. Any thread, and any
/// time: it keeps alive what it needs.
class frozen_part {
public:
  virtual ~frozen_part() = default;
  [[nodiscard]] virtual std::uint64_t entries() const noexcept = 0;
  /// Adds to `counts`, by range.
  virtual void count(std::span<const offset_range> ranges, std::span<std::uint64_t> counts) const = 0;
  /// Each piece begins with `heading`, then come sections: see `piece_writer`.
  virtual status write(std::string_view heading, std::span<const offset_range> ranges,
                       std::size_t piece_bytes, const frozen_state::piece_taker& take) const = 0;
};

} // namespace tidemill
