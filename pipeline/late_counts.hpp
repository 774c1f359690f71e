#pragma once

#include "event/bytes.hpp"

#include <cstdint>
#include <utility>
#include <vector>

namespace tidemill {

/// How many records came after the watermark of their partition had passed a window's end: pairs of (slices
/// beyond the pane's own end, records), ascending. What `row::revision` is summed from; nearly always empty.
using late_counts = std::vector<std::pair<std::int64_t, std::uint32_t>>;
/// Records of `counts` that are late for a window ending `beyond` slices after the pane's own.
[[nodiscard]] std::uint32_t late_for(const late_counts& counts, std::int64_t beyond) noexcept;
void add_late(late_counts& counts, std::int64_t beyond, std::uint32_t n);
void save(const late_counts& counts, byte_writer& out);
[[nodiscard]] bool load(late_counts& counts, byte_reader& in);

} // namespace tidemill
