#pragma once

#include "event/frozen_state.hpp"
#include "pipeline/frozen_panes.hpp"

#include <string>
#include <utility>
#include <vector>

namespace tidemill {

/// The state of a partition: its core, and the panes of its views.
///
///     piece: format u8, view, state id, sections (see `frozen_panes::write`)
class frozen_partition final : public frozen_state {
public:
  explicit frozen_partition(std::string core) : core_(std::move(core)) {}
  void add(const std::string& view, const std::string& state_id, frozen_panes panes);

  [[nodiscard]] const std::string& core() const override { return core_; }
  [[nodiscard]] std::uint64_t entries() const override;
  [[nodiscard]] std::vector<std::uint64_t> count(std::span<const offset_range> ranges) const override;
  status write(std::span<const offset_range> ranges, std::size_t piece_bytes,
               const piece_taker& take) const override;

private:
  std::string core_;
  std::vector<std::pair<std::string, frozen_panes>> views_; // heading of its pieces, panes
};

/// Takes a piece apart. False: it is damaged.
struct piece_heading {
  std::string_view view, state_id, sections;
};
[[nodiscard]] bool read_heading(std::string_view piece, piece_heading& out);

} // namespace tidemill
