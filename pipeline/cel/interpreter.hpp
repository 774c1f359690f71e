#pragma once

#include "event/batch.hpp"
#include "pipeline/cel/call.hpp"
#include "pipeline/cel/code.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace tidemill::cel {

/// Evaluates code for one row after the other over boxed values. It knows everything that CEL has; the
/// kernels are measured against it. One per thread and call.
class interpreter {
public:
  /// `locals` as in `program`.
  explicit interpreter(std::size_t locals) : locals_(locals) {}

  /// The row that is evaluated next; what is passed must outlive the evaluation.
  void set_row(const event_batch& batch, std::uint32_t row) noexcept {
    batch_ = &batch;
    row_ = row;
  }
  void set_row(std::span<const value> slots) noexcept {
    batch_ = nullptr;
    slots_ = slots;
  }

  /// The value, or an error with its place.
  [[nodiscard]] value run(const code& c, budget& left);

private:
  value eval(const code& c);
  /// The value without a copy where that is possible; `room` is used where it is not.
  const value* operand(const code& c, value& room);
  value slot(const code& c) const;
  value call_function(const code& c);
  value optional_or(const code& c);
  value logic(const code& c);
  value ternary(const code& c);
  value list(const code& c);
  value map(const code& c);
  value select(const code& c);

  value fold(const code& c);
  value fold_optional(const code& c, const optional_value& range);
  template <class Step>
  value each(const code& c, const value& range, Step step);
  value test_all(const code& c, const value& range);
  value exists_one(const code& c, const value& range);
  value build_list(const code& c, const value& range);
  value build_map(const code& c, const value& range);
  /// The condition of a macro; null: it isn't a bool.
  value condition(const code& macro, const code& c);

  /// The error of an operation that doesn't take these kinds; names the field that is null.
  value mismatch(std::string_view name, place at, arguments args, std::span<code* const> from) const;
  value located(const code& c, value v) const;

  const event_batch* batch_ = nullptr;
  std::uint32_t row_ = 0;
  std::span<const value> slots_;
  std::vector<value> locals_; // by number; inner macros use higher ones
  budget* left_ = nullptr;
};

/// Whether a value may be a result of this static type.
[[nodiscard]] bool fits(const value& v, const type& t) noexcept;

/// Replaces constant sub-trees by their values, errors among them. `left` bounds the work of it all.
void fold_constants(program& p);

} // namespace tidemill::cel
