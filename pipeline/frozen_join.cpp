#include "pipeline/frozen_join.hpp"

#include "pipeline/piece_writer.hpp"

#include <algorithm>
#include <vector>

namespace tidemill {

std::uint64_t frozen_join::entries() const noexcept {
  std::uint64_t n = 0;
  for (const auto& side : sides_)
    for (std::size_t i = 0; i < side.size(); ++i)
      n += side[i].row ? 1 : 0;
  return n;
}

void frozen_join::count(std::span<const offset_range> ranges, std::span<std::uint64_t> counts) const {
  range_finder range{ranges};
  for (const auto& side : sides_)
    for (std::size_t i = 0; i < side.size(); ++i)
      if (const auto& s = side[i]; s.row)
        if (auto r = range(s.changed_at); r != range_finder::outside)
          ++counts[r];
}

status frozen_join::write(std::string_view heading, std::span<const offset_range> ranges,
                          std::size_t piece_bytes, const frozen_state::piece_taker& take) const {
  piece_writer out{heading, piece_bytes, take};
  range_finder range{ranges};
  for (std::size_t n = 0; n < sides_.size(); ++n) {
    // In their own order: which slots they lie in depends on the past.
    std::vector<const join_side::slot*> rows;
    for (std::size_t i = 0; i < sides_[n].size(); ++i)
      if (const auto& s = sides_[n][i]; s.row && range(s.changed_at) != range_finder::outside)
        rows.push_back(&s);
    std::ranges::sort(rows, {}, [](const join_side::slot* s) -> const join_place& { return s->place; });
    out.begin(static_cast<std::int64_t>(n));
    for (const auto* s : rows) {
      auto to = out.entry();
      to.varint(s->changed_at);
      to.u8(s->matched ? 1 : 0);
      to.text(s->row->record);
      TIDEMILL_CHECK(out.done());
    }
    out.end();
  }
  return out.finish();
}

frozen_row read_frozen_row(byte_reader& in) {
  frozen_row r;
  r.changed_at = in.varint();
  r.matched = in.u8() != 0;
  r.record = in.text();
  return r;
}

} // namespace tidemill
