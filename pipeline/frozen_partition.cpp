#include "pipeline/frozen_partition.hpp"

#include "event/bytes.hpp"

namespace tidemill {
namespace {

constexpr std::uint8_t piece_format = 1;

} // namespace

void frozen_partition::add(const std::string& view, const std::string& state_id, frozen_panes panes) {
  std::string heading;
  byte_writer out{heading};
  out.u8(piece_format);
  out.text(view);
  out.text(state_id);
  views_.emplace_back(std::move(heading), std::move(panes));
}

std::uint64_t frozen_partition::entries() const {
  std::uint64_t n = 0;
  for (const auto& [heading, panes] : views_)
    n += panes.entries();
  return n;
}

std::vector<std::uint64_t> frozen_partition::count(std::span<const offset_range> ranges) const {
  std::vector<std::uint64_t> counts(ranges.size());
  for (const auto& [heading, panes] : views_)
    panes.count(ranges, counts);
  return counts;
}

status frozen_partition::write(std::span<const offset_range> ranges, std::size_t piece_bytes,
                               const piece_taker& take) const {
  for (const auto& [heading, panes] : views_)
    TIDEMILL_CHECK(panes.write(heading, ranges, piece_bytes, take));
  return {};
}

bool read_heading(std::string_view piece, piece_heading& out) {
  byte_reader in{piece};
  auto format = in.u8();
  out.view = in.text();
  out.state_id = in.text();
  out.sections = in.rest();
  return in.ok() && format == piece_format;
}

} // namespace tidemill
