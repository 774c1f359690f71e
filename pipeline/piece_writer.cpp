#include "pipeline/piece_writer.hpp"

#include <algorithm>
#include <utility>

namespace tidemill {

std::size_t range_finder::operator()(offset at) noexcept {
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

status piece_writer::done() {
  ++entries_;
  return piece_.size() + section_.size() < piece_bytes_ ? status{} : finish();
}

void piece_writer::end() {
  if (section_.empty())
    return;
  if (piece_.empty())
    piece_ = heading_;
  byte_writer out{piece_};
  out.svarint(number_);
  out.text(section_);
  section_.clear();
}

status piece_writer::finish() {
  end();
  if (entries_ == 0)
    return {};
  auto done = take_(piece_, std::exchange(entries_, 0));
  piece_.clear();
  return done;
}

} // namespace tidemill
