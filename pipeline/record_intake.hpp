#pragma once

#include "event/codec.hpp"
#include "pipeline/outlet.hpp"
#include "pipeline/partition_state.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace tidemill {

/// Events that enter a partition: the selected ones have a time that was accepted.
struct judged_events {
  event_batch events;
  std::vector<event_time> watermarks; ///< by row: before its record
  removal_batch removals;
};

/// Which record is being worked on: whom to blame for an exception.
struct work_mark {
  bool one_by_one = false;          ///< records are consumed singly
  std::optional<offset> at;         ///< else where that begins which is consumed
  std::function<void(offset)> told; ///< of records one by one; may be empty
  /// Work on the first record of `next` begins, if one by one.
  void take_up(const record_batch& next) {
    if (!one_by_one || next.records.empty())
      return;
    at = next.records.front().at;
    if (told)
      told(*at);
  }
};

/// The way of records into a partition: decodes them, judges their times, and tells what becomes of those
/// that are no events. Of an exchange, whose events were decoded and judged before, it takes what comes
/// through.
class record_intake {
public:
  /// All must outlive it.
  record_intake(const source_plan& source, partition_id id, partition_state& state, outlet& out);

  struct taken {
    offset upto = 0;             ///< the records below are consumed
    bool waits = false;          ///< for more records: that one's time can't be judged without them
    std::uint64_t frontiers = 0; ///< of those consumed: marks of an exchange, no events
  };
  /// Turns records below `limit` into `events`, whose old rows it forgets. `kept`: at least one batch, of
  /// which all is looked at. `more`: further records may come.
  taken take(const std::deque<record_batch_ptr>& kept, offset limit, bool more, judged_events& events,
             work_mark& at_work);

private:
  /// A record that couldn't become an event, with its place among the others. No error: it needn't.
  struct refused_record {
    record what;
    error why;
  };
  taken take_exchanged(const std::deque<record_batch_ptr>& kept, offset limit, judged_events& to);
  void decode(const std::deque<record_batch_ptr>& kept, judged_events& to, work_mark& at_work);
  [[nodiscard]] record_batch_ptr decodable(const record_batch_ptr& batch, event_batch& removals);
  void read_times(event_batch& events);
  [[nodiscard]] std::optional<offset> judge(judged_events& to, offset limit, bool more);
  [[nodiscard]] std::optional<offset> judge(std::span<const event_time> times,
                                            std::span<const record> records, std::span<event_time> before,
                                            selection& accepted, offset limit, bool more);
  void prepare_removals(judged_events& to, offset limit) const;
  void refuse_below(offset limit);

  const source_plan& source_;
  partition_id id_;
  partition_state& state_;
  outlet& out_;
  std::unique_ptr<codec> codec_; // null: an exchange
  // Of what is being taken.
  std::vector<refused_record> refused_;
  std::vector<decode_failure> failures_;
  std::vector<record> future_;
};

} // namespace tidemill
