#pragma once

#include "event/table.hpp"
#include "pipeline/plan.hpp"
#include "storage/event_sink.hpp"
#include "storage/log/data_lock.hpp"
#include "storage/log/dead_letter_log.hpp"
#include "storage/log/exchange_log.hpp"
#include "storage/log/ingest_log.hpp"
#include "storage/log_mirror.hpp"
#include "storage/record_source.hpp"
#include "storage/row_sink.hpp"
#include "storage/sink_input.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tidemill {

/// Where a pipeline's relative paths start: the folder of its file.
[[nodiscard]] std::filesystem::path base_folder(const definition& d);

/// Where components live: the pipeline, the folder that its relative paths start from, its state.
struct component_home {
  std::string pipeline;
  std::filesystem::path base;
  const data_directory& data;
};

/// A source as configured; `ingest` is set for `http`.
struct made_source {
  std::unique_ptr<record_source> source;
  std::shared_ptr<ingest_log> ingest;
  partitioner partition_by; ///< of `http`: where an accepted record goes
};
[[nodiscard]] result<made_source> make_source(const source_plan& s, const component_home& home);

/// The same source, to be read once more from its beginning while the pipeline may be running: as fast as it
/// can be, and without a trace in `state`, the live state of a data folder, or at brokers. `scratch` is a
/// folder for copies.
[[nodiscard]] result<std::unique_ptr<record_source>> make_replay_source(const source_plan& s, const plan& all,
                                                                        const std::filesystem::path& state,
                                                                        const std::filesystem::path& scratch);

/// Columns of a table as they are declared, with the key.
[[nodiscard]] schema declared_columns(const component& table);

/// A table's versions; `folder` keeps copies. Of a table of type `view` the setting `path` says where its
/// rows are written, see view_table.hpp.
[[nodiscard]] std::unique_ptr<table_store> make_table(const component& c, const std::filesystem::path& base,
                                                      const std::filesystem::path& folder);

/// What the sinks of `data` know a source's offsets by, see `sink_input::identity`.
[[nodiscard]] std::uint64_t identity_at_sinks(const source_plan& s, const record_source& opened,
                                              const data_directory& data);

/// The log of the exchange that is source `s` of the plan. `sources` are those before it.
[[nodiscard]] result<std::shared_ptr<exchange_log>> open_exchange(const plan& all, std::size_t s,
                                                                  const std::vector<sink_input>& sources,
                                                                  const std::filesystem::path& data);

/// For sinks whose `feed` is `events`. `sources` are all of the plan.
[[nodiscard]] result<std::unique_ptr<event_sink>> make_event_sink(const sink_plan& s, const plan& all,
                                                                  const std::vector<sink_input>& sources);
/// `sealed_rows`.
[[nodiscard]] result<std::unique_ptr<sealed_sink>> make_sealed_sink(const sink_plan& s, const plan& all);
/// `changes`.
[[nodiscard]] result<std::unique_ptr<view_mirror>> make_mirror(const sink_plan& s, const plan& all);
/// `changes`, where there are alerts among them.
[[nodiscard]] result<std::unique_ptr<log_mirror>> make_log_mirror(const sink_plan& s);
/// The number under which the entries of an alert reach a sink of events: never that of a source's partition,
/// and the same whatever else the pipeline has.
[[nodiscard]] std::uint32_t number_of_alert(const std::string& name);
/// All side outputs of one source, into the dead-letter log, whose letters know partitions by the source's
/// own numbers.
[[nodiscard]] std::unique_ptr<event_sink> make_dead_letter_sink(const source_plan& s, std::uint32_t first,
                                                                std::shared_ptr<dead_letter_log> log);

} // namespace tidemill
