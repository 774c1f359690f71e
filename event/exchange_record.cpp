#include "event/exchange_record.hpp"

#include "event/bytes.hpp"

#include <algorithm>
#include <limits>

namespace tidemill {
namespace {

constexpr std::uint64_t most = std::numeric_limits<std::uint32_t>::max();

bool read_event(byte_reader& in, exchange_event& out) {
  const auto input = in.varint();
  const auto partition = in.varint();
  const auto at = in.varint();
  const auto index = in.varint();
  if (!in.ok() || input > most || partition > most || index > most)
    return false;
  out = {static_cast<std::uint32_t>(input),
         {static_cast<partition_id>(partition), at, static_cast<std::uint32_t>(index)},
         in.rest()};
  return true;
}

bool read_frontier(byte_reader& in, exchange_frontier& out) {
  exchange_frontier f;
  for (auto sources = in.varint(); sources > 0 && in.ok(); --sources) {
    auto& partitions = f.sources.emplace_back();
    for (auto n = in.varint(); n > 0 && in.ok(); --n) {
      const auto upto = in.varint();
      partitions.push_back({upto, event_time{microseconds{in.svarint()}}});
    }
  }
  if (!in.ok() || !in.at_end())
    return false;
  out = std::move(f);
  return true;
}

} // namespace

event_time exchange_frontier::watermark() const noexcept {
  auto least = time_max;
  for (const auto& partitions : sources)
    for (const auto& p : partitions)
      least = std::min(least, p.watermark);
  return least;
}

void append_record(std::string& out, const exchange_event& e) {
  byte_writer to{out};
  to.u8(static_cast<std::uint8_t>(exchange_kind::event));
  to.varint(e.input);
  to.varint(to_index(e.origin.partition));
  to.varint(e.origin.at);
  to.varint(e.origin.index);
  to.raw(e.body);
}

void append_record(std::string& out, const exchange_frontier& f) {
  byte_writer to{out};
  to.u8(static_cast<std::uint8_t>(exchange_kind::frontier));
  to.varint(f.sources.size());
  for (const auto& partitions : f.sources) {
    to.varint(partitions.size());
    for (const auto& p : partitions) {
      to.varint(p.upto);
      to.svarint(p.watermark.time_since_epoch().count());
    }
  }
}

exchange_kind read_record(std::string_view bytes, exchange_event& event, exchange_frontier& frontier) {
  byte_reader in{bytes};
  switch (static_cast<exchange_kind>(in.u8())) {
  case exchange_kind::event:
    return read_event(in, event) ? exchange_kind::event : exchange_kind::damaged;
  case exchange_kind::frontier:
    return read_frontier(in, frontier) ? exchange_kind::frontier : exchange_kind::damaged;
  default:
    return exchange_kind::damaged;
  }
}

} // namespace tidemill
