#pragma once

#include "event/bytes.hpp"
#include "event/rows.hpp"
#include "pipeline/aggregate.hpp"
#include "pipeline/plan.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// What rows of all kinds of views are made of, and how logs have them.

/// The number in an int, uint, double or decimal.
[[nodiscard]] std::optional<double> to_number(const value& v);

/// The `by` values of a key → `to`: as many as `columns`, null where the key has none.
void take_by(std::string_view key, std::size_t columns, std::vector<value>& to);

/// Appends what `select` makes of aggregates to `columns`; null where an expression fails. `slots` has the
/// `by` values, and gets the results behind them. `length` of the window.
void append_results(const view_plan& view, const accumulator& total, microseconds length,
                    std::vector<value>& slots, std::vector<value>& columns);

/// The columns of a row behind its `by` values, as bytes.
void append_cells(std::string& out, std::size_t by, const row& r);
/// Appends encoded values, of a key or of cells, to `columns`; false: the bytes are damaged.
[[nodiscard]] bool take_cells(std::string_view bytes, std::vector<value>& columns);

/// Key, revision and cells of a row, as all logs of views have them. `cells` is scratch.
void write_row(byte_writer& out, std::size_t by, const row& r, std::string& cells);
/// What `write_row` wrote, without a window yet; null: the bytes are damaged.
[[nodiscard]] std::shared_ptr<row> read_row(byte_reader& in, const view_schema& view);

} // namespace tidemill
