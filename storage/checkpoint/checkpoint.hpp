#pragma once

#include "event/frozen_state.hpp"
#include "event/ids.hpp"
#include "storage/record_source.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tidemill {

/// What a worker saves: everything that a new one needs to go on from `at`.
struct checkpoint {
  offset at = 0;
  std::uint64_t journal = 0;                    ///< journal entries below this position are contained
  std::string source;                           ///< `record_source::identity`
  std::optional<record_mark> mark;              ///< the last record before `at`, if there is one
  std::map<std::string, std::string> state_ids; ///< stateful part → hash of all that affects it
  std::map<std::string, offset> sinks;          ///< event sink → durable up to here
  std::vector<std::string> tables;              ///< table versions that a replay from here needs

  std::shared_ptr<const frozen_state> state; ///< to be saved
  std::string core;                          ///< as loaded: of `state`
  stored_pieces pieces;                      ///< as loaded: the entries of `state`
};

} // namespace tidemill
