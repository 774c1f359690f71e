#pragma once

#include "event/rows.hpp"
#include "event/table.hpp"
#include "pipeline/partition.hpp"
#include "pipeline/plan.hpp"
#include "pipeline/view.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace tidemill {

/// A pipeline that runs by hand, for tests of pipelines: the partitions and views of a plan, with logs,
/// journals, checkpoints and view logs in memory. No thread, no clock, no disk; after each call everything
/// that follows from it has happened.
///
/// It may crash where a process may: what is durable survives, the rest is replayed. What the caller sees
/// afterwards must be the same as without crashes; the driver checks that events that come again are the ones
/// that were there. Throws what partitions and views throw, and std::logic_error if they contradict
/// themselves.
class test_driver {
public:
  struct settings {
    std::shared_ptr<const plan> all;
    std::vector<std::uint32_t> partitions; ///< of each source
    std::vector<table_ptr> tables;         ///< the first version of each table
    std::optional<event_time> clock;       ///< the arrival time of records; none: they have no arrival time
  };
  explicit test_driver(settings s);
  ~test_driver();

  /// A record, with what a log keeps beside its bytes.
  struct sent_record {
    std::string bytes;
    std::optional<std::string> key{};
    std::vector<std::pair<std::string, std::optional<std::string>>> headers{};
    bool tombstone = false;
  };
  /// Records that the source's log gets, in order, as one batch. `header`: of CSV, else empty. Key and
  /// headers are there for the pipeline if it asks for them, as those of a Kafka source are.
  void send(std::size_t source, partition_id p, std::vector<sent_record> records, const std::string& header);
  /// The clock goes on: idle partitions follow the others, or the clock if all are idle.
  void advance(microseconds by);
  /// A new version of a table, from here on.
  void use_table(std::size_t table, table_ptr next);
  /// No record will ever follow: all windows are sealed.
  void end();

  enum class victim : std::uint8_t { workers, views, process };
  /// What has died starts again from what is durable.
  void crash(victim v);
  /// After each batch and each step of the clock, the process crashes.
  void crash_always(bool on) noexcept;

  /// Rows by window end, window start and key; those that `retain` has dropped are gone.
  [[nodiscard]] std::vector<row_ptr> rows(std::size_t source, std::size_t view) const;
  /// Events of an output (index in `source_plan::outputs`) as JSON, by partition and offset.
  [[nodiscard]] std::vector<std::string> events(std::size_t source, std::size_t output) const;

  /// Entries of the log of a rule (index in `view_plan::alerts`) as JSON, the oldest first.
  [[nodiscard]] std::vector<std::string> alerts(std::size_t source, std::size_t view, std::size_t rule) const;

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace tidemill
