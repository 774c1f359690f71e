#pragma once

#include "pipeline/link.hpp"
#include "pipeline/panes.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace tidemill {

/// The way of a partition's panes to their view: what has changed goes out over the link, what the view has
/// made durable is forgotten.
class pane_sender {
public:
  /// `panes` must outlive it.
  explicit pane_sender(pane_table& panes) : panes_(panes) {}

  /// False: the view has lost sealed slices that this partition has already forgotten; nothing is done then.
  [[nodiscard]] bool open(const link_hello& hello);
  void acked(const link_ack& ack);
  /// What is due now, of a partition that stands at `at`; empty if nothing may be sent. A flush with no
  /// panes still moves offset and watermark.
  [[nodiscard]] std::vector<link_flush> flush(partition_id from, offset at, event_time watermark);
  /// Nothing changed since the last flush: sending one would say nothing.
  [[nodiscard]] bool quiet(offset at, event_time watermark) const noexcept;

  [[nodiscard]] bool is_open() const noexcept { return link_.is_open(); }
  /// See `link::horizon`.
  [[nodiscard]] offset horizon() const noexcept { return link_.horizon(); }
  /// Panes up to this slice are forgotten: the view has made them durable.
  [[nodiscard]] std::int64_t freed() const noexcept { return freed_; }
  /// As a checkpoint knows it.
  void restore_freed(std::int64_t through) noexcept { freed_ = through; }

private:
  pane_table& panes_;
  link link_;
  offset flushed_at_ = 0;
  event_time flushed_watermark_ = time_min;
  bool flushed_ = false; // since the link was opened
  std::int64_t freed_ = nothing_sealed;
};

} // namespace tidemill
