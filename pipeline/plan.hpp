#pragma once

#include "event/alerts.hpp"
#include "event/codec.hpp"
#include "event/definition.hpp"
#include "event/rows.hpp"
#include "pipeline/aggregate.hpp"
#include "pipeline/cel/expression.hpp"
#include "pipeline/meta.hpp"
#include "pipeline/model/detector.hpp"
#include "pipeline/step.hpp"
#include "pipeline/window/calendar.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tidemill {

/// What is counted together, in slices of event time.
///
/// Windows are runs of slices: slice s covers [origin + s·length, origin + (s+1)·length), or unit s of a
/// calendar. Sessions are slices of a key whose events are at most `gap` apart, which is at least a slice.
struct window_plan {
  window_kind kind = window_kind::sliced;
  microseconds size{}, slide{}, lateness{}, slice{}, origin{};
  std::int64_t slices = 1;         ///< a window is this many slices
  std::int64_t step = 1;           ///< windows are this many slices apart
  std::optional<calendar> units{}; ///< each is a slice and a window
  microseconds gap{};              ///< of sessions, and how long global rows wait for the next event
  std::int64_t cut = 0;            ///< a session doesn't go on in a slice divisible by it; 0: it always may

  [[nodiscard]] std::int64_t slice_of(event_time t) const noexcept;
  [[nodiscard]] event_time start_of(std::int64_t s) const noexcept {
    return units ? units->start_of(s) : event_time{origin + slice * s};
  }
  [[nodiscard]] event_time end_of(std::int64_t s) const noexcept { return start_of(s + 1); }
  /// Where the window begins that ends with slice `s`.
  [[nodiscard]] event_time window_start(std::int64_t s) const noexcept { return start_of(s - slices + 1); }
  /// The last slice whose end lies at or before `t`.
  [[nodiscard]] std::int64_t last_ended(event_time t) const noexcept { return slice_of(t) - 1; }
  /// Whether a window ends with slice `s`.
  [[nodiscard]] bool window_ends(std::int64_t s) const noexcept;
  /// The first slice ≥ s with which a window ends.
  [[nodiscard]] std::int64_t next_window_end(std::int64_t s) const noexcept;
};

struct score_plan {
  std::string name;
  cel::expression value; ///< over by + select, by slot
  const detector_entry* model = nullptr;
  options settings;
};

/// A rule over the rows of a view, compiled. Slots of `when` and `message` are those of `row_slots`, then the
/// results of `calls`.
struct alert_plan {
  std::shared_ptr<const alert_schema> schema;
  bool sealed = false; ///< watches final rows; else rows as they are when their window closes
  microseconds hold{}, keep_firing{}, forget_after{}, retain{};
  std::optional<cel::expression> when, message;
  std::vector<cel::aggregate_call> calls; ///< `prev(…)` and `ratio(…, …)`, over rows
  bool looks_back = false;                ///< there is a `prev`
  std::string id;                         ///< hash of all that its state depends on
};

/// What an aggregate reads, as numbers of inputs.
struct aggregate_reads {
  std::optional<std::size_t> argument, by;
  friend bool operator==(const aggregate_reads&, const aggregate_reads&) = default;
};

/// One view, compiled. Slots of `inputs` are columns of the batch; those of `columns` are by values (0 …),
/// then aggregate results.
struct view_plan {
  std::string name;
  std::size_t stream = 0;      ///< index in `source_plan::streams`
  std::vector<std::size_t> by; ///< columns of the batch
  std::optional<cel::expression> where;
  std::vector<cel::expression> inputs; ///< what aggregates read, each once
  std::vector<aggregate_reads> reads;  ///< of each part of `layout`
  layout_ptr layout;
  std::vector<cel::expression> columns; ///< of `select`, in order
  std::vector<score_plan> scores;
  std::vector<alert_plan> alerts;
  window_plan window;
  std::optional<std::size_t> span;        ///< the part of `layout` that holds the events' times, if any
  std::size_t max_keys = 0;               ///< of a global view: more are not kept; 0: all are
  std::optional<cel::expression> removes; ///< of a latest view: the event deletes its key's row
  /// Of a latest view that tombstones delete from: `by` values, by the metadata of the record. Then not the
  /// event with the greatest time is the latest, but the last one in the log of its partition.
  std::vector<cel::expression> tombstones{};
  microseconds out_of_order{};            ///< of the source
  std::optional<microseconds> emit_every; ///< nothing: rows appear when windows close
  std::shared_ptr<const view_schema> schema;
  std::string state_id; ///< hash of all that affects its panes
  std::string rows_id;  ///< hash of all that affects its rows, beyond the panes
};

/// What there is of an event between two steps.
struct stage_plan {
  schema fields;
  std::vector<std::size_t> slots; ///< column of each field
};

/// What a step remembers, as checkpoints know it.
struct step_state_plan {
  /// Not a step: what comes before the first one, through an exchange.
  static constexpr std::size_t intake = ~std::size_t{0};
  std::size_t step = 0; ///< index in `stream_plan::steps`
  std::string name;     ///< `hits/dedup`; the second of its kind in the stream: `hits/dedup[2]`
  std::string id;       ///< hash of all that affects it
};

/// A stream: the steps applied to its parent's events.
struct stream_plan {
  std::string name;
  std::optional<std::size_t> parent; ///< nothing: the decoded events of the source
  std::vector<std::shared_ptr<const step_plan>> steps;
  std::vector<std::string> step_names; ///< `hits.steps[2] lookup`
  schema fields;
  std::vector<std::size_t> slots;        ///< column of each field
  std::vector<stage_plan> stages{};      ///< before the first step, and after each
  std::vector<step_state_plan> states{}; ///< of the steps that remember something, in order
};

enum class output_kind : std::uint8_t { events, dead, late, future, exchange };

/// The key that a sink wants with each event: `key:` of the sink, compiled against the stream's fields.
struct output_key {
  std::size_t sink = 0;
  cel::expression text;
};

/// A stream of events that leaves the workers: consumed by sinks by name.
struct output_plan {
  std::string name; ///< `hits`, `log.dead`, `hourly.late`, `log.future`
  output_kind kind;
  std::size_t of = 0;             ///< index of the stream (events, dead, exchange) or view (late)
  std::vector<std::size_t> sinks; ///< indexes in `plan::sinks`; the dead-letter log is not counted
  std::vector<output_key> keys{}; ///< of the sinks that want one
  std::size_t exchange = 0;       ///< the source that it feeds, where `kind` says so
  std::size_t input = 0;          ///< in `exchange_plan::inputs`
  std::vector<std::size_t> key{}; ///< fields of the stream, whose values choose the partition there
};

/// A stream whose events enter an exchange.
struct exchange_input {
  std::size_t source = 0, stream = 0;
  std::size_t origin = 0;       ///< its source in `exchange_plan::sources`
  schema fields;                ///< of the stream
  std::vector<std::size_t> key; ///< fields: events that agree in them go to one partition
};

/// Pairs of events: of the left input, which is the first one, and of the right one.
///
/// A right event is near enough if its time lies in [left − before, left + after].
struct join_plan {
  bool as_of = false;      ///< only the latest of those that are near enough
  bool keeps_left = false; ///< an event of the left without partner comes alone
  microseconds before{}, after{}, lateness{};
  std::size_t max_rows = 0;         ///< of each side
  std::vector<std::size_t> right{}; ///< fields of the right that are taken; their columns follow the left's
};

/// Where events of streams meet by key: a sink of their workers, and a source with partitions of its own.
struct exchange_plan {
  std::uint32_t partitions = 1;
  std::vector<exchange_input> inputs;
  std::vector<std::size_t> sources; ///< of `inputs`, each once
  std::optional<join_plan> join;
  std::string id; ///< hash of all that affects what is in its log
};

/// What becomes of records without a value.
enum class tombstone_use : std::uint8_t {
  dead,  ///< dead letters
  skip,  ///< passed over
  remove ///< they delete rows of latest views
};

/// One source with everything that runs on its events.
struct source_plan {
  std::string name;
  component settings;
  format_options format;
  schema fields;
  std::vector<bool> needed;
  std::size_t time_slot = 0;
  microseconds out_of_order{}, max_future{}, max_lead{};
  std::optional<microseconds> idle;
  std::optional<cel::expression> partition_by;
  std::vector<std::size_t> promised{}; ///< fields by which the producer partitions, as it says; to be checked
  meta_use meta{};                     ///< their columns follow those of `fields`
  bool keep_meta = false;              ///< key and headers are wanted for dead letters too
  tombstone_use tombstones = tombstone_use::dead;
  bool continue_over_gaps = false;  ///< records that are gone from the source are skipped; else it stops
  std::size_t columns = 0;          ///< of the batch, with those of `meta` and those that steps add
  std::vector<stream_plan> streams; ///< [0] is the source itself; parents come first
  std::vector<view_plan> views;
  std::vector<output_plan> outputs;
  std::vector<std::string> tables; ///< names, by number
  /// Its events come from other sources of the plan, which stand before it.
  std::optional<exchange_plan> exchange{};

  /// Whether the source should fill `record::meta`.
  [[nodiscard]] bool wants_meta() const noexcept { return keep_meta || needs_record_meta(meta); }
};

/// What a sink is fed with.
enum class sink_feed : std::uint8_t {
  events,      ///< of streams and side outputs
  sealed_rows, ///< of one view, each once
  changes      ///< of views: it is kept equal to them
};

struct sink_plan {
  component settings;
  std::vector<std::string> views;    ///< names of views in `from`
  std::vector<std::string> outputs;  ///< names of outputs in `from`
  std::vector<std::string> alerts{}; ///< names of rules in `from`
  sink_feed feed = sink_feed::events;
  std::optional<std::size_t> exchange{}; ///< it is the way into this source
};

/// A pipeline, compiled: immutable, shared by all actors.
struct plan {
  definition written;
  std::vector<source_plan> sources;
  std::vector<component> tables;
  std::vector<sink_plan> sinks;
};

/// Columns of a table, as its file has them now: asked for while compiling, since types are checked.
using table_columns = std::function<result<schema>(const component& table)>;

/// Resolves names, type-checks every expression and lays out state. All faults are appended; a plan is
/// returned only if there were no errors.
[[nodiscard]] std::shared_ptr<const plan> compile_plan(const definition& d, const table_columns& columns,
                                                       std::vector<diagnostic>& faults);

} // namespace tidemill
