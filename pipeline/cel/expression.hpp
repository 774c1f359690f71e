#pragma once

#include "event/batch.hpp"
#include "event/diagnostic.hpp"
#include "event/result.hpp"
#include "event/value.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill::cel {

/// A name that an expression may use, and where its values are: a column number of the batch, or an index
/// into the values of one row.
struct variable {
  std::string name;
  type of;
  std::size_t slot;
  bool field = true; ///< of the row: there as `event.<name>` too
};

/// Names in scope. The whole row is there as `event` too, for `has(event.x)`, `event.?x.orValue(0)`.
struct environment {
  std::vector<variable> variables;
  bool event = true; ///< whether `event` is offered
};

/// Why a text is no expression: `at` counts characters from 0 in the text.
struct fault {
  std::size_t line = 1, column = 1; ///< in the expression's own text, from 1
  std::string text;                 ///< `no such overload: int + double`
  std::string hint;                 ///< `write double(bytes)`; may be empty
};

/// What one row may cost: elements and bytes that are made, or read inside macros. A row that costs more
/// fails.
struct row_limits {
  std::int64_t elements = 100'000, bytes = std::int64_t{4} << 20;
};
/// For expressions that come from readers of a running pipeline: many rows are looked at with them.
inline constexpr row_limits limits_of_readers{10'000, std::int64_t{1} << 20};

/// A failed row of a column evaluation.
struct row_error {
  std::uint32_t row;
  error why;
};

/// A compiled, type-checked, immutable CEL expression. Copies share; evaluation is thread-safe.
class expression {
public:
  /// Parses and checks. Returns nothing and at least one fault if it is none.
  [[nodiscard]] static std::optional<expression> compile(std::string_view text, const environment& names,
                                                         std::vector<fault>& faults, row_limits limits = {});

  [[nodiscard]] const type& result() const noexcept;
  [[nodiscard]] const std::string& text() const noexcept;
  /// Slots that evaluation may read, ascending.
  [[nodiscard]] const std::vector<std::size_t>& slots() const noexcept;
  /// Whether it reads no variable.
  [[nodiscard]] bool constant() const noexcept;

  /// Evaluates for the selected rows: `out` gets `result()`'s type and `batch.rows()` rows, of which only
  /// the selected ones mean anything. Rows that fail are reported in ascending order and are null in `out`.
  void evaluate(const event_batch& batch, const selection& rows, column& out,
                std::vector<row_error>& errors) const;

  /// Evaluates for one row of values, indexed by slot. The result may be an error value.
  [[nodiscard]] value evaluate(std::span<const value> slots) const;

private:
  struct impl;
  std::shared_ptr<const impl> impl_;
  friend class aggregate_split;
};

/// One aggregate call found in a `select` expression: `count_if(failed)`.
struct aggregate_call {
  std::string function;
  std::vector<expression> arguments; ///< over the stream's events
  std::string text;                  ///< canonical text: equal calls are computed once
  fault place;                       ///< line and column of the call
};

/// A `select` expression split in two: calls over events, and one expression over their results.
class aggregate_split {
public:
  /// `is_aggregate` names the functions; `result_type` gives the type of a call, or faults. `keys` are the
  /// `by` columns: variables of the outer expression with slots 0 … keys-1; call i has slot
  /// `first_slot + i`, where calls already in `calls` with the same text are used again.
  [[nodiscard]] static std::optional<expression>
  compile(std::string_view text, const environment& events, const environment& keys, std::size_t first_slot,
          const std::function<bool(std::string_view)>& is_aggregate,
          const std::function<std::optional<type>(const aggregate_call&, fault&)>& result_type,
          std::vector<aggregate_call>& calls, std::vector<fault>& faults);
};

} // namespace tidemill::cel
