#pragma once

#include "event/options.hpp"
#include "event/test_case.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tidemill {

/// A source, table, sink, or one step: its name in the pipeline, its type, its settings.
struct component {
  text_at name;     ///< empty for a step
  std::string type; ///< `file`, `filter`, …
  options settings;
};

/// A stream: where its events come from and what is done to them, in order.
struct stream_definition {
  text_at name;
  text_at from; ///< a source or another stream; empty with `join`
  std::vector<component> steps;
  /// Branches: name → condition. Each is a stream `NAME.BRANCH` behind the steps; what no condition takes
  /// goes to `NAME.else`.
  std::vector<std::pair<text_at, text_at>> route{};
  bool route_to_all = false; ///< to each branch whose condition holds; else to the first
  /// Fields: events that agree in them meet in one partition of an exchange before the steps.
  std::vector<text_at> key_by{};
  /// Two streams that meet instead of `from`; its settings follow `join_spec` (pipeline/registry.hpp).
  std::optional<options> join{};
  std::uint32_t partitions = default_partitions; ///< of the exchange

  static constexpr std::uint32_t default_partitions = 4, most_partitions = 1024;
};

/// A view; its settings follow `view_spec` (pipeline/registry.hpp).
struct view_definition {
  text_at name;
  options settings;
};

/// A rule over the rows of a view; its settings follow `alert_spec` (pipeline/registry.hpp).
struct alert_definition {
  text_at name;
  options settings;
};

/// A pipeline as written: names resolved by nobody yet, settings linted, expressions still text.
struct definition {
  std::string file; ///< as given by the user, for messages; relative paths are relative to its folder
  std::string name;
  std::vector<component> sources, tables, sinks;
  std::vector<stream_definition> streams;
  std::vector<view_definition> views;
  std::vector<alert_definition> alerts;
  options serve;  ///< `serve:`, see http/spec.hpp
  options engine; ///< `engine:`, see actors/spec.hpp: checkpoint interval, shutdown, restart, memory
  std::vector<test_case> tests; ///< `tests:`
};

} // namespace tidemill
