#include "pipeline/frozen_panes.hpp"

#include "pipeline/key_table.hpp"
#include "pipeline/piece_writer.hpp"

namespace tidemill {
namespace {

/// Writes panes one after the other, each in terms of the one before.
class pane_writer {
public:
  pane_writer(const accumulator_layout& layout, piece_writer& out) : layout_(layout), out_(out) {}

  status add(const pane_chunk& in, std::size_t i, std::size_t number, std::string_view key) {
    if (out_.fresh()) {
      next_ = 0;
      changed_at_ = 0;
    }
    auto out = out_.entry();
    out.varint(number - next_);
    next_ = number + 1;
    out.text(key);
    out.svarint(static_cast<std::int64_t>(in.changed_at(i) - changed_at_));
    changed_at_ = in.changed_at(i);
    save(in.late(i), out);
    state_.clear();
    byte_writer state{state_};
    layout_.save(in.state(i), state);
    out.text(state_);
    return out_.done();
  }

private:
  const accumulator_layout& layout_;
  piece_writer& out_;
  std::size_t next_ = 0;
  offset changed_at_ = 0;
  std::string state_;
};

} // namespace

frozen_panes::frozen_panes(layout_ptr layout, std::unique_ptr<const key_reader> keys,
                           std::vector<slice> slices)
    : layout_(std::move(layout)), keys_(std::move(keys)), slices_(std::move(slices)) {}

frozen_panes::~frozen_panes() = default;

std::uint64_t frozen_panes::entries() const noexcept {
  std::uint64_t n = 0;
  for (const auto& s : slices_)
    n += s.blocks.panes();
  return n;
}

void frozen_panes::count(std::span<const offset_range> ranges, std::span<std::uint64_t> counts) const {
  if (ranges.empty())
    return;
  range_finder find{ranges};
  for (const auto& s : slices_)
    s.blocks.for_each_chunk(ranges.front().after, [&](const pane_chunk& chunk, std::size_t) {
      for (std::size_t i = 0; i < chunk.panes(); ++i)
        if (auto in = find(chunk.changed_at(i)); in != range_finder::outside)
          ++counts[in];
    });
}

status frozen_panes::write(std::string_view heading, std::span<const offset_range> ranges,
                           std::size_t piece_bytes, const frozen_state::piece_taker& take) const {
  if (ranges.empty())
    return {};
  range_finder find{ranges};
  piece_writer out{heading, piece_bytes, take};
  pane_writer panes{*layout_, out};
  status done;
  for (const auto& s : slices_) {
    out.begin(s.number);
    s.blocks.for_each_chunk(ranges.front().after, [&](const pane_chunk& chunk, std::size_t first) {
      for (std::size_t i = 0; i < chunk.panes() && done; ++i)
        if (find(chunk.changed_at(i)) != range_finder::outside)
          done = panes.add(chunk, i, first + i, keys_->at(chunk.key(i)));
    });
    TIDEMILL_CHECK(done);
    out.end();
  }
  return out.finish();
}

} // namespace tidemill
