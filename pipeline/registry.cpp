#include "pipeline/registry.hpp"

#include "event/options.hpp"
#include "pipeline/window/calendar.hpp"

#include <algorithm>

namespace tidemill {
namespace {

void lint_session(const options& o, std::vector<diagnostic>& out) {
  auto complain = [&](std::string_view field, std::string text, std::string hint) {
    out.push_back({severity::error, o.where(field), std::string{field}, std::move(text), std::move(hint)});
  };
  auto gap = o.time("session");
  auto max = o.time("max");
  for (const auto* field : {"slide", "timezone"})
    if (o.has(field))
      return complain(field, std::string{field} + " doesn't go with session", "remove it");
  if (gap <= microseconds{0})
    return complain("session", "the gap must be longer than zero", "");
  if (o.has("max") && (max <= microseconds{0} || max % gap != microseconds{0}))
    return complain("max", "max must be a multiple of the gap",
                    "with a gap of " + format_config_duration(gap) + " take " +
                        format_config_duration(gap * (max / gap + 1)));
  if (o.time("offset") > microseconds{0} && o.time("offset") >= max)
    complain("offset", "offset moves the times at which sessions are cut, it must be shorter than max", "");
}

void lint_window(const options& o, std::vector<diagnostic>& out) {
  auto complain = [&](std::string_view field, std::string text, std::string hint) {
    out.push_back({severity::error, o.where(field), std::string{field}, std::move(text), std::move(hint)});
  };
  auto kinds = o.has("size") + o.has("calendar") + o.has("session");
  if (kinds != 1)
    return complain(
        "", kinds > 1 ? "size, calendar and session exclude each other" : "which windows?",
        "write one of {size: 1m}, {size: 1m, slide: 5s}, {calendar: day}, {session: 30m} and global");
  if (o.has("max") && !o.has("session"))
    return complain("max", "max goes with session", "remove max");
  if (o.has("session"))
    return lint_session(o, out);
  if (o.has("calendar")) {
    if (o.has("slide"))
      return complain("slide", "slide goes with size: calendar windows follow each other", "remove slide");
    // What every unit is longer than: the shortest month has 28 days.
    auto longest =
        std::min(usual_length(*find_calendar_unit(o.text("calendar"))), microseconds{std::chrono::days{28}});
    if (o.time("offset") >= longest)
      complain("offset", "offset must be shorter than " + format_config_duration(longest), "");
    return;
  }
  auto size = o.time("size");
  auto slide = o.time("slide", size);
  if (o.has("timezone") && o.text("timezone") != "UTC")
    return complain("timezone", "timezone goes with calendar: a size is the same length everywhere",
                    "write {calendar: day, timezone: " + o.text("timezone") + "}");
  if (size <= microseconds{0})
    return complain("size", "size must be longer than zero", "");
  if (slide <= microseconds{0})
    return complain("slide", "slide must be longer than zero", "");
  if (slide > size)
    return complain("slide", "slide is longer than size: events between windows would be lost",
                    "use a slide of at most size");
  if (o.time("offset") >= slide)
    complain("offset", "offset must be shorter than " + std::string{o.has("slide") ? "slide" : "size"},
             "windows are the same with an offset longer by that");
}

const spec window_spec{
    .name = "window",
    .summary = "Windows over event time: tumbling (`size` alone), sliding (`size` and `slide`), or those of "
               "a `calendar`.",
    .example = "{size: 1m, slide: 5s, lateness: 10s}",
    .fields = {{.name = "size",
                .type = field_type::duration,
                .text = "Length of a window.",
                .foreign = {"length", "duration", "range"}},
               {.name = "slide",
                .type = field_type::duration,
                .text = "Distance between windows; absent: as `size`.",
                .foreign = {"every", "advance_by", "hop", "step", "advance"}},
               {.name = "calendar",
                .type = field_type::choice,
                .text = "Windows are units of the calendar; weeks begin on Mondays.",
                .choices = {"day", "week", "month", "quarter", "year"},
                .foreign = {"unit", "period"}},
               {.name = "session",
                .type = field_type::duration,
                .text = "Windows are stretches of a key's events with no longer gaps than this.",
                .foreign = {"gap", "session_gap", "inactivity_gap", "inactivity"}},
               {.name = "max",
                .type = field_type::duration,
                .text =
                    "Sessions are cut at multiples of this since 1970, plus `offset`; a multiple of the gap.",
                .foreign = {"max_length", "max_duration", "limit"}},
               {.name = "timezone",
                .type = field_type::text,
                .text = "Whose calendar: `UTC`, `Europe/Berlin`.",
                .foreign = {"zone", "tz", "time_zone"}},
               {.name = "offset",
                .type = field_type::duration,
                .text = "How much later than the epoch, or than midnight of their first day, windows begin.",
                .fallback = "0s",
                .foreign = {"origin", "align", "shift"}},
               {.name = "lateness",
                .type = field_type::duration,
                .text = "How long after the watermark has passed a window events still correct it.",
                .fallback = "0s",
                .foreign = {"grace", "allowed_lateness", "tolerance", "grace_period"}}},
    .lint = lint_window};

const spec emit_spec{.name = "emit",
                     .summary = "When rows of open windows are published.",
                     .example = "{every: 1s}",
                     .fields = {{.name = "every",
                                 .type = field_type::duration,
                                 .text = "At this interval the open window of each key that ends first after "
                                         "its newest event is published.",
                                 .required = true}}};

} // namespace

const spec& score_spec() {
  static const spec all{
      .name = "score",
      .summary =
          "An anomaly score per key: of a view over closed rows in window order, of a step over events in "
          "the order of the log.",
      .example = "{model: seasonal_profile, value: requests}",
      .fields = {{.name = "model",
                  .type = field_type::text,
                  .text = "The detector.",
                  .required = true,
                  .foreign = {"type", "detector"}},
                 {.name = "value",
                  .type = field_type::expression,
                  .text = "What is watched: an expression over the row or event, of a numeric type.",
                  .required = true,
                  .foreign = {"field", "column"}}}};
  return all;
}

const spec& view_spec() {
  static const spec all{
      .name = "view",
      .summary = "Aggregates per key and window, kept current and served.",
      .example = "{from: hits, by: [country], window: {size: 1m, slide: 5s}, select: {requests: 'count()'}}",
      .fields = {{.name = "from",
                  .type = field_type::reference,
                  .text = "A stream or a source.",
                  .required = true,
                  .foreign = {"input", "inputs", "source", "stream"}},
                 {.name = "by",
                  .type = field_type::texts,
                  .text = "The fields that make the key; absent: one row per window.",
                  .foreign = {"group_by", "key", "keys", "partition_by"}},
                 {.name = "where",
                  .type = field_type::expression,
                  .text = "Only events for which this holds are counted.",
                  .foreign = {"filter", "when"}},
                 {.name = "window",
                  .type = field_type::section,
                  .text = "The windows; `global`: none, one row per key over all events; "
                          "`latest`: none, the latest event of each key.",
                  .required = true,
                  .choices = {"global", "latest"},
                  .inner = &window_spec},
                 {.name = "emit",
                  .type = field_type::section,
                  .text = "`close`: rows appear when their window closes; {every: 1s}: open ones too.",
                  .fallback = "close",
                  .choices = {"close"},
                  .inner = &emit_spec,
                  .foreign = {"trigger"}},
                 {.name = "select",
                  .type = field_type::expressions,
                  .text = "The columns: CEL over aggregates such as count(), sum(x), quantile(x, 0.99); of a "
                          "latest view over fields of the event.",
                  .required = true,
                  .foreign = {"aggregates", "aggregate", "columns", "fields", "measures"}},
                 {.name = "score",
                  .type = field_type::sections,
                  .text = "Columns with anomaly scores.",
                  .inner = &score_spec()},
                 {.name = "delete",
                  .type = field_type::expression,
                  .text = "Of a latest view: an event for which this holds deletes its key's row.",
                  .foreign = {"delete_when", "tombstone", "removed"}},
                 {.name = "tombstones",
                  .type = field_type::expressions,
                  .text = "Of a latest view: which row a record without a value deletes, if the source has "
                          "`tombstones: delete`; field of `by` → expression over `meta`. Then the last "
                          "record of a key in the log counts, whatever its time.",
                  .foreign = {"primary_key", "delete_key", "record_key"}},
                 {.name = "max_keys",
                  .type = field_type::integer,
                  .text = "Of a global view: how many keys are kept, those with the latest events.",
                  .foreign = {"limit", "max_groups", "cardinality"}},
                 {.name = "retain",
                  .type = field_type::duration,
                  .text =
                      "How long rows are kept, in event time before the end of the newest; absent: 100 "
                      "windows, at least 1h. After such a silence a key's scores begin anew. Of a global or "
                      "latest view: after the last event of the key.",
                  .foreign = {"retention", "ttl", "keep"}}}};
  return all;
}

const spec& join_spec() {
  static const spec all{
      .name = "join",
      .summary = "Events of one stream with those of another that have the same key and are near in time.",
      .example = "{left: orders, right: payments, by: [order_id], before: 0s, within: 15m, type: left}",
      .fields = {
          {.name = "left",
           .type = field_type::reference,
           .text = "A source or stream: its fields come first, under their own names.",
           .required = true,
           .foreign = {"from", "source", "probe"}},
          {.name = "right",
           .type = field_type::reference,
           .text = "A source or stream: each pair of events that are near enough is one event.",
           .foreign = {"with", "to", "build"}},
          {.name = "as_of",
           .type = field_type::reference,
           .text =
               "Instead of `right`: each event of the left with the latest one of this stream at its time.",
           .foreign = {"latest", "temporal", "table"}},
          {.name = "by",
           .type = field_type::texts,
           .text =
               "The fields that must be equal; `\"order_id = id\"` where the right has another name for it.",
           .required = true,
           .foreign = {"on", "key", "keys", "using", "where"}},
          {.name = "within",
           .type = field_type::duration,
           .text = "How far apart in event time two events may be, either way; with `as_of`: how old the "
                   "event of the other stream may be.",
           .required = true,
           .foreign = {"window", "interval", "tolerance", "size"}},
          {.name = "before",
           .type = field_type::duration,
           .text = "How much earlier than the left event the right one may be; absent: `within`.",
           .foreign = {"lookback", "preceding"}},
          {.name = "after",
           .type = field_type::duration,
           .text = "How much later than the left event the right one may be; absent: `within`.",
           .foreign = {"following", "lookahead"}},
          {.name = "type",
           .type = field_type::choice,
           .text =
               "`left`: an event of the left that finds no partner comes alone, when none can come any more.",
           .fallback = "inner",
           .choices = {"inner", "left"},
           .foreign = {"kind", "outer"}},
          {.name = "set",
           .type = field_type::properties,
           .text =
               "Fields of the right that are taken: new name → name there. Absent: all but those of `by`.",
           .foreign = {"select", "columns", "fields"}},
          {.name = "lateness",
           .type = field_type::duration,
           .text = "How long events wait for others that are behind the watermark.",
           .fallback = "0s",
           .foreign = {"grace", "allowed_lateness"}},
          {.name = "max_rows",
           .type = field_type::integer,
           .text = "How many events of each side a partition keeps at most; more become dead letters.",
           .fallback = "1000000",
           .foreign = {"limit", "max_state"}}}};
  return all;
}

const spec& alert_spec() {
  static const spec all{
      .name = "alert",
      .summary = "A condition over the rows of a view, watched window by window for each key.",
      .example = "{from: traffic, when: 'errors > 10 && ratio(errors, requests) > 0.05', for: 30s}",
      .fields = {{.name = "from",
                  .type = field_type::reference,
                  .text = "A view.",
                  .required = true,
                  .foreign = {"view", "input", "source", "query"}},
                 {.name = "when",
                  .type = field_type::expression,
                  .text = "The condition, over the columns of a row; a row that is missing counts as one "
                          "without events.",
                  .required = true,
                  .foreign = {"expr", "condition", "where", "if", "trigger"}},
                 {.name = "for",
                  .type = field_type::duration,
                  .text = "How long it must hold, in event time, before the alert fires.",
                  .fallback = "0s",
                  .foreign = {"pending_period", "duration", "hold"}},
                 {.name = "keep_firing_for",
                  .type = field_type::duration,
                  .text = "How long it must not hold, in event time, before a firing alert is resolved.",
                  .fallback = "0s",
                  .foreign = {"recovery", "resolve_after", "cooldown"}},
                 {.name = "rows",
                  .type = field_type::choice,
                  .text = "`closed`: rows as they are when their window closes; `sealed`: final ones, later "
                          "by `lateness`.",
                  .fallback = "closed",
                  .choices = {"closed", "sealed"},
                  .foreign = {"on", "emit"}},
                 {.name = "severity",
                  .type = field_type::text,
                  .text = "A word for those who are told.",
                  .fallback = "warning",
                  .foreign = {"level", "priority", "labels"}},
                 {.name = "message",
                  .type = field_type::expression,
                  .text = "A text for those who are told: an expression over the row, as `when`.",
                  .foreign = {"summary", "annotations", "description", "title"}},
                 {.name = "forget_after",
                  .type = field_type::duration,
                  .text = "A key without events for longer than this is given up, and its alert resolved; "
                          "absent: as the "
                          "view's `retain`."},
                 {.name = "retain",
                  .type = field_type::duration,
                  .text = "How long entries of the log are kept, in event time; 10,000 at most.",
                  .fallback = "7d",
                  .foreign = {"retention", "ttl", "keep"}}}};
  return all;
}

} // namespace tidemill
