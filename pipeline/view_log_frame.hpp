#pragma once

#include "event/bytes.hpp"
#include "event/ids.hpp"
#include "event/result.hpp"
#include "event/time.hpp"
#include "pipeline/link.hpp"
#include "pipeline/plan.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// What the logs of all views share: a head that says whose log it is and how far it goes,
/// then records of the head, then those since. A head repeats what the records before it have said; only the
/// first one in a log is read.
///
///     head: 'B', format u8, state id, rows id, through, trimmed, frontier
///     frontier: 'F', partitions, offset…
///     'E': the head is complete
class view_log_frame {
public:
  view_log_frame(const view_plan& what, std::size_t partitions) : frontier(partitions), what_(what) {}

  std::vector<offset> frontier;          ///< per partition: what readers have seen, durable
  std::int64_t through = nothing_sealed; ///< the last slice in the log
  event_time trimmed = time_min;         ///< rows up to here are gone

  /// Notes that readers will see these offsets; false if nothing is new.
  bool advance(std::span<const offset> have);
  [[nodiscard]] std::string frontier_record() const;
  [[nodiscard]] std::string head_record() const;
  [[nodiscard]] static std::string end_record() { return "E"; }

  /// A record read back: what only the engine knows, or nothing. `in_head` are the kinds that come in heads.
  struct record {
    char kind = 0;
    byte_reader body;
  };
  [[nodiscard]] result<std::optional<record>> open(std::string_view bytes, std::string_view in_head);

private:
  [[nodiscard]] status read_head(byte_reader& in);

  const view_plan& what_;
  bool fresh_ = true, in_head_ = false, skip_head_ = false;
};

/// A record of a view's log that doesn't decode.
[[nodiscard]] error damaged_view_log();

} // namespace tidemill
