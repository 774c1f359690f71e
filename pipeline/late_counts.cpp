#include "pipeline/late_counts.hpp"

#include <algorithm>

namespace tidemill {

std::uint32_t late_for(const late_counts& counts, std::int64_t beyond) noexcept {
  std::uint32_t n = 0;
  for (const auto& [slices, records] : counts)
    if (slices >= beyond)
      n += records;
  return n;
}

void add_late(late_counts& counts, std::int64_t beyond, std::uint32_t n) {
  auto it = std::ranges::lower_bound(counts, beyond, {}, &late_counts::value_type::first);
  if (it == counts.end() || it->first != beyond)
    it = counts.insert(it, {beyond, 0});
  it->second += n;
}

void save(const late_counts& counts, byte_writer& out) {
  out.varint(counts.size());
  for (const auto& [slices, records] : counts) {
    out.svarint(slices);
    out.varint(records);
  }
}

bool load(late_counts& counts, byte_reader& in) {
  counts.clear();
  for (auto n = in.varint(); n > 0 && in.ok(); --n) {
    auto slices = in.svarint();
    counts.emplace_back(slices, static_cast<std::uint32_t>(in.varint()));
  }
  return in.ok();
}

} // namespace tidemill
