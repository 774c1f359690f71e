#pragma once

#include "event/ids.hpp"
#include "event/time.hpp"

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

namespace tidemill {

/// No slice is sealed yet.
inline constexpr std::int64_t nothing_sealed = std::numeric_limits<std::int64_t>::min();

/// One incarnation of a worker joined to one of a view. Messages of any other link are dropped.
struct link_id {
  std::uint64_t worker = 0, view = 0;
  friend auto operator<=>(const link_id&, const link_id&) = default;
};

/// View → worker: opens a link.
struct link_hello {
  link_id link;
  std::optional<offset> have; ///< the view holds this partition's panes up to here; nothing after its restart
  offset frontier = 0;        ///< readers have seen this partition up to here
  std::int64_t sealed_through = nothing_sealed; ///< last slice that is durable and final
};

/// Worker → view: a piece of a flush. Pieces of one flush come in order; the view applies them when `last`
/// has come.
struct link_flush {
  link_id link;
  partition_id partition{};
  offset upto = 0;        ///< the worker's offset
  event_time watermark{}; ///< the worker's watermark at that offset
  std::string panes;      ///< see `append_pane`
  bool last = true;
};

/// View → worker: the flush is applied and everything up to `sealed_through` is durable.
struct link_ack {
  link_id link;
  std::int64_t sealed_through = nothing_sealed;
};

/// The worker's end of a link: decides when something may be sent, and from where on.
///
/// Opened by a hello; silent until the worker has reached both `have` and `frontier` (the hold-back: no
/// reader ever sees a prefix shorter than one seen before); then panes changed since `have`, later since the
/// last flush; one flush in flight.
class link {
public:
  void open(const link_hello& hello) noexcept;
  void close() noexcept { id_.reset(); }
  [[nodiscard]] bool is_open() const noexcept { return id_.has_value(); }
  [[nodiscard]] const std::optional<link_id>& id() const noexcept { return id_; }
  /// The highest offset whose effects have left any incarnation of this worker over this link.
  [[nodiscard]] offset horizon() const noexcept { return horizon_; }
  /// Whether a flush may be sent at this offset.
  [[nodiscard]] bool may_flush(offset at) const noexcept { return id_ && !in_flight_ && at >= horizon_; }
  /// Panes with `changed_at` above this are due; nothing: all panes.
  [[nodiscard]] std::optional<offset> sent() const noexcept { return sent_; }
  void flushed(offset at) noexcept;
  /// True if the ack is of this link.
  [[nodiscard]] bool acked(const link_ack& ack) noexcept;

private:
  std::optional<link_id> id_;
  std::optional<offset> sent_;
  offset horizon_ = 0;
  bool in_flight_ = false;
};

} // namespace tidemill
