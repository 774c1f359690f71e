#pragma once

#include "event/frozen_state.hpp"
#include "pipeline/frozen_part.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace tidemill {

/// Whose entries a piece of state holds; stored.
enum class part_kind : std::uint8_t { view = 1, step = 2 };

/// The state of a partition: its core, and the entries of its views and steps.
///
///     piece: kind u8, name of the view or step, state id, sections (see `piece_writer`)
class frozen_partition final : public frozen_state {
public:
  explicit frozen_partition(std::string core) : core_(std::move(core)) {}
  void add(part_kind kind, const std::string& name, const std::string& state_id,
           std::unique_ptr<const frozen_part> part);

  [[nodiscard]] const std::string& core() const override { return core_; }
  [[nodiscard]] std::uint64_t entries() const override;
  [[nodiscard]] std::vector<std::uint64_t> count(std::span<const offset_range> ranges) const override;
  status write(std::span<const offset_range> ranges, std::size_t piece_bytes,
               const piece_taker& take) const override;

private:
  std::string core_;
  std::vector<std::pair<std::string, std::unique_ptr<const frozen_part>>>
      parts_; // by heading of their pieces
};

/// A piece taken apart. False: it is damaged.
struct piece_heading {
  part_kind kind{};
  std::string_view name, state_id, sections;
};
[[nodiscard]] bool read_heading(std::string_view piece, piece_heading& out);

} // namespace tidemill
