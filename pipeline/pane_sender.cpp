#include "pipeline/pane_sender.hpp"

#include <algorithm>

namespace tidemill {
namespace {

constexpr std::size_t piece_bytes = 256u << 10;

} // namespace

bool pane_sender::open(const link_hello& hello) {
  if (hello.sealed_through < freed_)
    return false;
  link_.open(hello);
  flushed_ = false;
  freed_ = hello.sealed_through;
  panes_.free_through(freed_);
  return true;
}

void pane_sender::acked(const link_ack& ack) {
  if (!link_.acked(ack))
    return;
  freed_ = std::max(freed_, ack.sealed_through);
  panes_.free_through(ack.sealed_through);
}

std::vector<link_flush> pane_sender::flush(partition_id from, offset at, event_time watermark) {
  if (!link_.may_flush(at))
    return {};
  auto panes = panes_.changed_since(link_.sent().value_or(0), piece_bytes);
  if (panes.empty())
    panes.emplace_back();
  std::vector<link_flush> pieces;
  for (auto& bytes : panes)
    pieces.push_back({*link_.id(), from, at, watermark, std::move(bytes), false});
  pieces.back().last = true;
  link_.flushed(at);
  flushed_ = true;
  flushed_at_ = at;
  flushed_watermark_ = watermark;
  return pieces;
}

bool pane_sender::quiet(offset at, event_time watermark) const noexcept {
  return flushed_ && flushed_at_ == at && flushed_watermark_ == watermark;
}

} // namespace tidemill
