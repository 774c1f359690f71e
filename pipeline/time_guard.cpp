#include "pipeline/time_guard.hpp"

#include <algorithm>

namespace tidemill {

time_guard::verdict time_guard::judge(std::span<const event_time> times, std::span<const record> records,
                                      std::size_t i, bool more) {
  auto at = times[i];
  if (arrival_times_) {
    if (records[i].arrival && at > *records[i].arrival + max_future_)
      return verdict::future;
  } else if (newest_ == time_min || at > newest_ + max_future_) {
    auto witnesses = std::min<std::size_t>(3, times.size() - i - 1);
    if (witnesses < 3 && more)
      return verdict::undecided;
    auto confirmed = std::ranges::count_if(times.subspan(i + 1, witnesses),
                                           [&](event_time t) { return t >= at - max_future_; });
    if (confirmed < (witnesses == 3 ? 2 : static_cast<std::ptrdiff_t>(witnesses)))
      return verdict::future;
  }
  newest_ = std::max(newest_, at);
  watermark_ = std::max(watermark_, newest_ - out_of_order_);
  return verdict::accepted;
}

std::size_t time_guard::accept(std::span<const event_time> times, std::span<const record> records,
                               std::size_t i, std::size_t end, std::span<event_time> before) {
  if (!arrival_times_ && newest_ == time_min)
    return i;
  for (; i < end; ++i) {
    auto at = times[i];
    if (arrival_times_ ? records[i].arrival && at > *records[i].arrival + max_future_
                       : at > newest_ + max_future_)
      break;
    before[i] = watermark_;
    newest_ = std::max(newest_, at);
    watermark_ = std::max(watermark_, newest_ - out_of_order_);
  }
  return i;
}

void time_guard::save(byte_writer& out) const {
  out.svarint(watermark_.time_since_epoch().count());
  out.svarint(newest_.time_since_epoch().count());
}

bool time_guard::load(byte_reader& in) {
  watermark_ = event_time{microseconds{in.svarint()}};
  newest_ = event_time{microseconds{in.svarint()}};
  return in.ok();
}

} // namespace tidemill
