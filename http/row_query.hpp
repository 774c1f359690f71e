#pragma once

#include "http/server.hpp"

#include "http/request.hpp"

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// Which windows an answer shows: the newest closed or sealed one of each key, the newest one of each key
/// whatever its state, or every retained one.
enum class window_choice { newest, open, all };

enum class row_format { json, ndjson, csv };

/// What `GET /v1/views/{view}/rows` asks for.
struct row_query {
  row_predicate where; ///< empty: every row
  event_time from = time_min, to = time_max;
  window_choice window = window_choice::newest;
  std::string order; ///< a column; empty: by window_end and key
  bool descending = false;
  std::size_t limit = 1000;
  bool prefix = false;         ///< `as_of=prefix`: the per-partition prefix too
  bool refuse_partial = false; ///< `partial=refuse`: 503 instead of an answer with holes
  std::chrono::nanoseconds patience = std::chrono::seconds{1}; ///< processor time that `where` may take
};

inline constexpr std::size_t max_limit = 100'000;
/// The parameters that `parse_row_query` and the choice of format know.
[[nodiscard]] const std::vector<std::string_view>& row_parameters();

/// Reads the parameters; their names are already checked. Errors: `refused` and `expression_invalid`, naming
/// the parameter and what it takes.
[[nodiscard]] result<row_query> parse_row_query(const request_target& target, const served_view& view);

/// RFC 3339, or milliseconds since 1970. Errors: `refused`.
[[nodiscard]] result<event_time> parse_time(std::string_view text);

/// The rows of a snapshot that a query asks for, in its order. Endless views have no
/// closed rows to wait for: there `newest` is `open`. Errors: `refused`: `where` takes too long.
[[nodiscard]] result<std::vector<const published_row*>> select_rows(const view_snapshot& view,
                                                                    const row_query& query);

/// A cell of a row by column name, the fixed ones included; null if there is none of that name.
[[nodiscard]] value cell_of(const view_schema& schema, const row& r, std::string_view column);
/// window_start, window_end, the schema's columns, state, revision.
[[nodiscard]] std::vector<std::string> column_names(const view_schema& schema);

/// The body of an answer. `as_of` and `partial` are part of the JSON form only.
[[nodiscard]] std::string format_rows(row_format format, const view_snapshot& view, const row_query& query,
                                      const std::vector<const published_row*>& rows, event_time now);

/// The rows' JSON: made at publication, or now if it was not.
void append_row(std::string& out, const view_schema& schema, const published_row& r);
/// `{"epoch":…,"offset":…,"watermark":…,"lag_ms":…}`; `now` is the wall clock, for the lag.
void append_as_of(std::string& out, const view_snapshot& view, event_time now, bool prefix);
/// `[{"partition":…,"why":…,"since":…}]`.
void append_partial(std::string& out, const std::vector<partial_reason>& partial);
/// A quoted RFC 3339 time; `null` before the first event, `"infinity"` after the last.
void append_time(std::string& out, event_time t);

} // namespace tidemill
