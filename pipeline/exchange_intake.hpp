#pragma once

#include "event/batch.hpp"
#include "event/bytes.hpp"
#include "event/exchange_record.hpp"
#include "event/result.hpp"
#include "pipeline/join.hpp"
#include "pipeline/plan.hpp"
#include "pipeline/step.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tidemill {

/// The way of an exchange's records into a partition: drops what came twice, follows the watermarks of the
/// sources behind it, and joins. State: a function of the records.
///
/// A watermark of this partition is the least of all partitions of all sources that feed it, none of which is
/// unknown: a frontier names them all.
class exchange_intake final : public step_state {
public:
  explicit exchange_intake(const source_plan& source);
  ~exchange_intake() override;

  struct refusal {
    record what;
    error why;
  };
  /// Forgets what the last rows needed.
  void begin();
  /// Consumes the records of `in` below `limit`. Appends to `out` what comes of them, each row with the
  /// offset of the record that brought it and, in `before`, the watermark before that record. What the rows'
  /// records show lasts until `begin`. Throws on a damaged record: the log has checksums, so it is of another
  /// program. Returns how many of the records were no events.
  std::size_t take(const record_batch& in, offset limit, event_batch& out, std::vector<event_time>& before,
                   std::vector<refusal>& refused);

  /// No row before this will come, but of events that were late in their own partitions.
  [[nodiscard]] event_time watermark() const noexcept;

  void save(byte_writer& out) const override;
  [[nodiscard]] bool load(byte_reader& in) override;
  [[nodiscard]] std::unique_ptr<const frozen_part> freeze() const override;
  [[nodiscard]] bool restore(std::string_view sections) override;
  [[nodiscard]] bool finish_restore() override;
  [[nodiscard]] step_totals totals() const override;

private:
  struct row_parts {
    record by;
    std::string_view left, right;
    event_time time{}, watermark{};
  };
  void take_event(const record& r, const exchange_event& e, std::vector<row_parts>& rows,
                  std::vector<refusal>& refused);
  void take_frontier(const record& r, exchange_frontier f, std::vector<row_parts>& rows);
  [[nodiscard]] bool restore_row(std::size_t side, byte_reader& in);
  [[nodiscard]] bool is_new(const exchange_event& e);
  void fill(const std::vector<row_parts>& rows, event_batch& out, std::vector<event_time>& before) const;

  const source_plan& source_;
  const exchange_plan& plan_;
  std::vector<std::vector<std::optional<std::size_t>>> to_; ///< by input, by field: its column
  exchange_frontier frontier_;
  std::vector<std::vector<std::pair<offset, std::uint32_t>>>
      next_; ///< by input, partition: the least (offset, index) that is new
  std::unique_ptr<joiner> join_;
  std::vector<joined> pairs_; // scratch
};

/// What a record of an exchange's log is, for people: the event as JSON.
[[nodiscard]] std::string exchange_record_json(const exchange_plan& plan, std::string_view record);

} // namespace tidemill
