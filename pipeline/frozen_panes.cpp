#include "pipeline/frozen_panes.hpp"

#include "pipeline/key_table.hpp"

#include <algorithm>

namespace tidemill {
namespace {

constexpr std::size_t outside = ~std::size_t{0};

/// Finds the range of an offset; neighbours are often in the same one.
class range_finder {
public:
  explicit range_finder(std::span<const offset_range> ranges) : ranges_(ranges) {}

  std::size_t operator()(offset at) noexcept {
    if (last_ < ranges_.size() && holds(last_, at))
      return last_;
    auto next = std::ranges::upper_bound(ranges_, at, {}, [](const offset_range& r) { return r.after + 1; });
    if (next == ranges_.begin())
      return outside;
    auto found = static_cast<std::size_t>(next - ranges_.begin()) - 1;
    if (!holds(found, at))
      return outside;
    return last_ = found;
  }

private:
  [[nodiscard]] bool holds(std::size_t i, offset at) const noexcept {
    return at > ranges_[i].after && at <= ranges_[i].upto;
  }
  std::span<const offset_range> ranges_;
  std::size_t last_ = outside;
};

/// Cuts what it is given into pieces.
class piece_writer {
public:
  piece_writer(std::string_view heading, std::size_t piece_bytes, const frozen_state::piece_taker& take)
      : heading_(heading), piece_bytes_(piece_bytes), take_(take) {}

  void begin(std::int64_t slice) {
    slice_ = slice;
    next_ = 0;
    changed_at_ = 0;
  }
  status add(const pane_chunk& in, std::size_t i, std::size_t number, std::string_view key,
             const accumulator_layout& layout) {
    byte_writer out{section_};
    out.varint(number - next_);
    next_ = number + 1;
    out.text(key);
    out.svarint(static_cast<std::int64_t>(in.changed_at(i) - changed_at_));
    changed_at_ = in.changed_at(i);
    save(in.late(i), out);
    state_.clear();
    byte_writer state{state_};
    layout.save(in.state(i), state);
    out.text(state_);
    ++entries_;
    return piece_.size() + section_.size() < piece_bytes_ ? status{} : finish();
  }
  void end() {
    if (section_.empty())
      return;
    if (piece_.empty())
      piece_ = heading_;
    byte_writer out{piece_};
    out.svarint(slice_);
    out.text(section_);
    section_.clear();
  }
  status finish() {
    end();
    begin(slice_);
    if (entries_ == 0)
      return {};
    auto done = take_(piece_, std::exchange(entries_, 0));
    piece_.clear();
    return done;
  }

private:
  std::string_view heading_;
  std::size_t piece_bytes_;
  const frozen_state::piece_taker& take_;
  std::int64_t slice_ = 0;
  std::size_t next_ = 0;
  offset changed_at_ = 0;
  std::uint64_t entries_ = 0;
  std::string piece_, section_, state_;
};

} // namespace

frozen_panes::frozen_panes(layout_ptr layout, std::unique_ptr<const key_reader> keys,
                           std::vector<slice> slices)
    : layout_(std::move(layout)), keys_(std::move(keys)), slices_(std::move(slices)) {}

frozen_panes::frozen_panes(frozen_panes&&) noexcept = default;
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
        if (auto in = find(chunk.changed_at(i)); in != outside)
          ++counts[in];
    });
}

status frozen_panes::write(std::string_view heading, std::span<const offset_range> ranges,
                           std::size_t piece_bytes, const frozen_state::piece_taker& take) const {
  if (ranges.empty())
    return {};
  range_finder find{ranges};
  piece_writer out{heading, piece_bytes, take};
  status done;
  for (const auto& s : slices_) {
    out.begin(s.number);
    s.blocks.for_each_chunk(ranges.front().after, [&](const pane_chunk& chunk, std::size_t first) {
      for (std::size_t i = 0; i < chunk.panes() && done; ++i)
        if (find(chunk.changed_at(i)) != outside)
          done = out.add(chunk, i, first + i, keys_->at(chunk.key(i)), *layout_);
    });
    TIDEMILL_CHECK(done);
    out.end();
  }
  return out.finish();
}

} // namespace tidemill
