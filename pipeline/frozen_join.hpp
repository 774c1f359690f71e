#pragma once

#include "event/bytes.hpp"
#include "pipeline/frozen_part.hpp"
#include "pipeline/join_side.hpp"

#include <array>
#include <string_view>

namespace tidemill {

/// The events that a join keeps, frozen.
///
///     sections: one for each side; entries: changed_at, matched u8, record
class frozen_join final : public frozen_part {
public:
  using slots = shared_blocks<join_side::slot>;
  frozen_join() = default;
  frozen_join(const slots& left, const slots& right) : sides_{left, right} {}

  [[nodiscard]] std::uint64_t entries() const noexcept override;
  void count(std::span<const offset_range> ranges, std::span<std::uint64_t> counts) const override;
  status write(std::string_view heading, std::span<const offset_range> ranges, std::size_t piece_bytes,
               const frozen_state::piece_taker& take) const override;

private:
  std::array<slots, 2> sides_;
};

/// What an entry says.
struct frozen_row {
  offset changed_at = 0;
  bool matched = false;
  std::string_view record;
};
[[nodiscard]] frozen_row read_frozen_row(byte_reader& in);

} // namespace tidemill
