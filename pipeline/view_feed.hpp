#pragma once

#include "event/batch.hpp"
#include "pipeline/outlet.hpp"
#include "pipeline/pane_sender.hpp"
#include "pipeline/panes.hpp"
#include "pipeline/plan.hpp"

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// Records without a value, in the order of the log: they delete rows of latest views. Of columns there are
/// those of metadata alone.
struct removal_batch {
  event_batch events;
  std::vector<event_time> watermarks; ///< by row: before its record
};

/// The part of a partition that belongs to one view: its panes and its end of the link. Stays in its place.
class view_feed {
public:
  view_feed(const view_plan& view, std::size_t index)
      : view_(view), index_(index), panes(view.layout), to_view(panes) {}

  /// Counts the selected rows into panes. `watermarks[row]` is the partition's watermark before that record.
  /// Rows that fail or are late go to `out`. Returns how many were late and how many failed.
  struct refused {
    std::uint64_t late = 0, dead = 0;
  };
  refused apply(event_batch& batch, const selection& rows, const std::vector<event_time>& watermarks,
                const removal_batch& removals, outlet& out);

  [[nodiscard]] const view_plan& plan() const noexcept { return view_; }

private:
  const view_plan& view_;
  std::size_t index_;

public:
  pane_table panes;
  pane_sender to_view;

private:
  void find_passing(event_batch& batch, const selection& rows, outlet& out, refused& count);
  void drop_late(const event_batch& batch, const std::vector<event_time>& watermarks, outlet& out,
                 refused& count);
  void find_keys(const event_batch& batch);
  void find_removals(const removal_batch& removals, outlet& out, refused& count);
  void merge_removals(const event_batch& batch, const std::vector<event_time>& watermarks,
                      const removal_batch& removals);
  [[nodiscard]] event_time log_time(event_time watermark) const noexcept;

  // Scratch, reused between batches. The vectors are by passed row.
  selection passed_;
  std::vector<cel::row_error> failed_;
  column where_;
  std::vector<column> inputs_;
  bool any_passed_by_ = false; // whether the watermark had passed the end of any row's slice
  std::vector<std::uint32_t> keys_;
  std::vector<std::int64_t> slices_;
  std::vector<offset> changed_;
  std::vector<std::byte*> states_, part_;
  selection removals_; // those that have a key
  std::vector<column> removed_by_;
  std::vector<event_time> log_times_; // by row, then by removal
  std::string key_;
  struct known_text {
    std::string_view text;
    std::uint32_t key = 0;
  };
  std::array<known_text, 256> known_texts_; // of this batch, by where they lie
};

} // namespace tidemill
