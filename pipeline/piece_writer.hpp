#pragma once

#include "event/bytes.hpp"
#include "event/frozen_state.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace tidemill {

/// Finds the range of an offset among ranges that ascend and don't overlap; neighbours are often in the same
/// one.
class range_finder {
public:
  static constexpr std::size_t outside = ~std::size_t{0};

  explicit range_finder(std::span<const offset_range> ranges) : ranges_(ranges) {}
  /// Its index, or `outside`.
  std::size_t operator()(offset at) noexcept;

private:
  [[nodiscard]] bool holds(std::size_t i, offset at) const noexcept {
    return at > ranges_[i].after && at <= ranges_[i].upto;
  }
  std::span<const offset_range> ranges_;
  std::size_t last_ = outside;
};

/// Cuts the entries of a frozen part into pieces.
///
///     piece: heading, sections: (number of the section, length, entries…)…
///
/// For each section: `begin`, then for each entry `fresh`, `entry` and `done`, then `end`; at last `finish`.
class piece_writer {
public:
  /// What the references lead to must outlive the writer.
  piece_writer(std::string_view heading, std::size_t piece_bytes, const frozen_state::piece_taker& take)
      : heading_(heading), piece_bytes_(piece_bytes), take_(take) {}

  void begin(std::int64_t section) { number_ = section; }
  /// The next entry is the first of its section in its piece: what it says relates to nothing before it.
  [[nodiscard]] bool fresh() const noexcept { return section_.empty(); }
  /// Where the next entry is to be written, at least a byte.
  [[nodiscard]] byte_writer entry() noexcept { return byte_writer{section_}; }
  /// The entry is complete; gives the piece away if it is large enough.
  status done();
  void end();
  status finish();

private:
  std::string_view heading_;
  std::size_t piece_bytes_;
  const frozen_state::piece_taker& take_;
  std::int64_t number_ = 0;
  std::uint64_t entries_ = 0;
  std::string piece_, section_;
};

} // namespace tidemill
