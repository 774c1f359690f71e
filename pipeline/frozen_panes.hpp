#pragma once

#include "pipeline/aggregate.hpp"
#include "pipeline/frozen_part.hpp"
#include "pipeline/pane_blocks.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace tidemill {

class key_table;
class key_reader;

/// The panes of one view at one time.
///
///     section: of a slice, panes: (number after the one before, key, changed_at, late, state)…
class frozen_panes final : public frozen_part {
public:
  struct slice {
    std::int64_t number;
    slice_blocks blocks;
  };
  frozen_panes(layout_ptr layout, std::unique_ptr<const key_reader> keys, std::vector<slice> slices);
  ~frozen_panes() override;

  [[nodiscard]] std::uint64_t entries() const noexcept override;
  void count(std::span<const offset_range> ranges, std::span<std::uint64_t> counts) const override;
  status write(std::string_view heading, std::span<const offset_range> ranges, std::size_t piece_bytes,
               const frozen_state::piece_taker& take) const override;

private:
  layout_ptr layout_; // outlives the chunks
  std::unique_ptr<const key_reader> keys_;
  std::vector<slice> slices_;
};

} // namespace tidemill
