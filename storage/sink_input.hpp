#pragma once

#include "event/ids.hpp"
#include "event/result.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// What feeds a sink of events: its partitions have the numbers `first` and up there. Progress is kept by
/// name, as numbers may be others after a change of the definition.
struct sink_input {
  std::string source;
  std::uint32_t first = 0;
  std::uint32_t partitions = 1;
  /// Of what makes its offsets mean what they do, `record_source::identity` and the like: progress of another
  /// identity doesn't count. 0: of whatever it is.
  std::uint64_t identity = 0;
};

/// Per partition, by number, the offset up to which a sink has its events.
using sink_progress = std::map<partition_id, offset>;

/// By source: name, identity, and the offset of each partition, in about 7 bytes. Without inputs, the numbers
/// as they are.
[[nodiscard]] std::string encode_progress(const sink_progress& p, const std::vector<sink_input>& inputs);
/// Sources of another identity, and sources and partitions that are no longer there, are left out. Nothing if
/// the text is of something else. Errors: `corrupt`.
[[nodiscard]] result<sink_progress> decode_progress(std::string_view text,
                                                    const std::vector<sink_input>& inputs);
/// How long `encode_progress` may get for these sources.
[[nodiscard]] std::size_t longest_progress(const std::vector<sink_input>& inputs);

/// The one that a partition belongs to; a nameless one if there is none.
[[nodiscard]] const sink_input& input_of(partition_id p, const std::vector<sink_input>& inputs);

} // namespace tidemill
