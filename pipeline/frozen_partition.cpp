#include "pipeline/frozen_partition.hpp"

#include "event/bytes.hpp"

namespace tidemill {

void frozen_partition::add(part_kind kind, const std::string& name, const std::string& state_id,
                           std::unique_ptr<const frozen_part> part) {
  std::string heading;
  byte_writer out{heading};
  out.u8(static_cast<std::uint8_t>(kind));
  out.text(name);
  out.text(state_id);
  parts_.emplace_back(std::move(heading), std::move(part));
}

std::uint64_t frozen_partition::entries() const {
  std::uint64_t n = 0;
  for (const auto& [heading, part] : parts_)
    n += part->entries();
  return n;
}

std::vector<std::uint64_t> frozen_partition::count(std::span<const offset_range> ranges) const {
  std::vector<std::uint64_t> counts(ranges.size());
  for (const auto& [heading, part] : parts_)
    part->count(ranges, counts);
  return counts;
}

status frozen_partition::write(std::span<const offset_range> ranges, std::size_t piece_bytes,
                               const piece_taker& take) const {
  for (const auto& [heading, part] : parts_)
    TIDEMILL_CHECK(part->write(heading, ranges, piece_bytes, take));
  return {};
}

bool read_heading(std::string_view piece, piece_heading& out) {
  byte_reader in{piece};
  auto kind = in.u8();
  out.kind = static_cast<part_kind>(kind);
  out.name = in.text();
  out.state_id = in.text();
  out.sections = in.rest();
  return in.ok() && (kind == static_cast<std::uint8_t>(part_kind::view) ||
                     kind == static_cast<std::uint8_t>(part_kind::step));
}

} // namespace tidemill
