#pragma once

#include "event/result.hpp"
#include "event/rows.hpp"
#include "pipeline/link.hpp"
#include "pipeline/view.hpp"

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tidemill {

/// What a view makes of panes, by the kind of its windows; `view` has what all kinds share: links,
/// watermarks, acknowledgements.
class view_engine {
public:
  virtual ~view_engine() = default;

  /// The panes of a whole flush. Throws on damaged bytes (a bug).
  virtual void take(partition_id from, std::span<const std::string> pieces) = 0;
  /// Seals, closes and composes what is due: log, rows and what readers may forget. `have`: what the panes
  /// contain, per partition; readers will have seen it.
  virtual void publish(event_time watermark, const std::vector<offset>& have, bool open, view_tick& t) = 0;

  [[nodiscard]] virtual status recover(std::string_view record) = 0;
  [[nodiscard]] virtual std::vector<std::string> head() const = 0;
  [[nodiscard]] virtual std::vector<std::pair<event_time, std::vector<row_ptr>>>
  sealed_after(event_time after) const = 0;
  [[nodiscard]] virtual std::vector<row_ptr> rows() const = 0;
  /// The logs of the rules over rows.
  [[nodiscard]] virtual std::vector<alert_snapshot_ptr> alerts() const { return {}; }
  /// As `view` says.
  virtual void keep_entries(std::size_t rule, std::uint64_t from) noexcept {
    (void)rule;
    (void)from;
  }
  /// As `view::tick` says of `trim`.
  [[nodiscard]] virtual event_time trim(event_time keep) = 0;

  /// Rows of windows that ended at or before this are gone, as far as the log tells.
  [[nodiscard]] virtual event_time trimmed() const noexcept = 0;
  /// Per partition: what readers have seen, durable.
  [[nodiscard]] virtual const std::vector<offset>& frontier() const noexcept = 0;
  /// The last slice that is final, and what a worker may forget of it: as far as the log tells.
  [[nodiscard]] virtual std::int64_t sealed_through() const noexcept = 0;
  [[nodiscard]] virtual std::int64_t durable_through(partition_id p) const noexcept = 0;
  [[nodiscard]] virtual bool nothing_unsealed() const noexcept = 0;
};

/// The one for the windows of a view.
[[nodiscard]] std::unique_ptr<view_engine> make_view_engine(const view_plan& what, std::size_t partitions,
                                                            std::uint64_t alert_epoch);

} // namespace tidemill
