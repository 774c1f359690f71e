#pragma once

#include "event/result.hpp"
#include "pipeline/aggregate.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// An argument of a call: a column of some type; or a constant, whose value is known.
struct aggregate_argument {
  type of;
  std::optional<value> constant;
};

/// Makes the aggregate that a call asks for. Errors: `expression_invalid`, saying what the function takes and
/// what is wrong here. What there is stands in `aggregate_specs()`.
///
/// Integer, decimal and duration sums are exact on the way; a result out of range is null. NaN is a number to
/// sums, averages and variances, one value to `distinct`, and skipped by all that order or sort numbers.
/// Averages round half away from zero.
[[nodiscard]] result<aggregate_ptr> make_aggregate(std::string_view function,
                                                   const std::vector<aggregate_argument>& arguments);
/// With at most one column, and constants behind it.
[[nodiscard]] result<aggregate_ptr> make_aggregate(std::string_view function,
                                                   const std::optional<type>& argument,
                                                   const std::vector<value>& parameters);
/// How many of a function's arguments at most are columns; those behind must be constants.
[[nodiscard]] std::size_t aggregate_columns(std::string_view function);
/// Names of all aggregates, for the parser and for hints.
[[nodiscard]] const std::vector<std::string>& aggregate_names();

} // namespace tidemill
