#pragma once

#include "actors/components.hpp"
#include "actors/table_shelf.hpp"
#include "actors/verify_stored.hpp"
#include "pipeline/partition.hpp"
#include "storage/record_source.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tidemill {

/// A stretch of event time whose windows can't be recomputed.
struct doubtful_stretch {
  event_time from = time_min, until = time_max;
  std::string why;
};

/// The partitions of a source, driven once more over its records and journals; their events go to a
/// `row_taker`, nothing else leaves them.
///
/// What is no longer there (records, entries, versions of tables) makes stretches of event time doubtful, and
/// the replay goes on without it.
class source_replay {
public:
  struct setup {
    std::shared_ptr<const plan> all;
    std::size_t source = 0;
    record_source* records = nullptr;     ///< open
    std::vector<stored_journal> journals; ///< by partition
    std::vector<std::optional<checkpoint>> checkpoints;
    table_shelf* tables = nullptr;
    row_taker* to = nullptr;
  };
  explicit source_replay(setup s);
  ~source_replay();

  /// Reads on until every partition's watermark has reached `target`, or one can't; `step` is called after
  /// every round. Errors: those of the source; `mismatch` for a table no version of which is kept.
  status run(event_time target, const std::function<void()>& step);
  /// The least watermark of all partitions.
  [[nodiscard]] event_time watermark() const noexcept;
  /// Overlapping [begin, end]: the reason; else null.
  [[nodiscard]] const std::string* doubt(event_time begin, event_time end) const;
  /// Whether there is a doubtful stretch at all.
  [[nodiscard]] bool whole() const noexcept;
  /// Why a partition ended before the target; empty: none did.
  [[nodiscard]] const std::string& ended_early() const noexcept { return ended_early_; }

private:
  struct lane;
  status start(lane& l);
  [[nodiscard]] table_ptr find_table(lane& l, std::size_t table, const std::string& version);
  void take(const polled& what);
  void note_gap(lane& l, const polled_gap& gap);
  void settle(lane& l);
  [[nodiscard]] std::vector<partition_id> wanted(event_time target) const;
  void end_silent(const std::vector<partition_id>& asked, bool all);
  [[nodiscard]] lane* lane_of(const polled& what) const;

  setup s_;
  const source_plan& source_;
  bool remembers_ = false; ///< what is doubtful once stays so: steps and joins remember
  std::vector<std::unique_ptr<lane>> lanes_;
  std::string ended_early_;
};

} // namespace tidemill
