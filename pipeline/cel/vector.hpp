#pragma once

#include "event/batch.hpp"
#include "pipeline/cel/checked.hpp"
#include "pipeline/cel/code.hpp"
#include "pipeline/cel/interpreter.hpp"
#include "pipeline/cel/lane.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace tidemill::cel {

/// Evaluates code for many rows of a batch at once: a kernel for each node over typed columns.
///
/// Errors are bits; their texts are made by the interpreter, for the rows that really fail. A sub-tree
/// without a kernel (lists, maps, macros, dyn) is interpreted row by row. One per call.
class vector_evaluator {
public:
  /// Texts that the root makes go to `texts`, those of inner nodes die with this object.
  vector_evaluator(const program& p, const event_batch& batch, arena& texts)
      : batch_(batch), root_(p.root), texts_(texts), interpreter_(p.locals), limits_(p.limits) {}

  /// The code's static type must have a lane.
  [[nodiscard]] lane eval(const code& c, const row_set& rows);

private:
  lane constant(const value& v);
  lane slot(const code& c);
  lane present(const code& c, const row_set& rows);
  lane interpret(const code& c, const row_set& rows);
  lane logic(const code& c, const row_set& rows);
  lane ternary(const code& c, const row_set& rows);
  /// The chosen rows of two lanes as one; rows in neither set are errors.
  lane merge(const code& c, const row_set& rows, const lane* a, const row_set& of_a, const lane* b,
             const row_set& of_b);

  /// Nothing: there is no kernel, and nothing was evaluated.
  std::optional<lane> call(const code& c, const row_set& rows);
  std::optional<lane> arithmetic(const code& c, const row_set& rows);
  std::optional<lane> times(const code& c, const row_set& rows);
  lane doubles(const code& c, const row_set& rows);
  template <class T>
  lane whole_numbers(const code& c, const row_set& rows);
  template <class A, class B>
  lane decimal_numbers(const code& c, const row_set& rows);
  lane concatenation(const code& c, const row_set& rows);
  std::optional<lane> comparison(const code& c, const row_set& rows);
  std::optional<lane> equality(const code& c, const row_set& rows);
  std::optional<lane> membership(const code& c, const row_set& rows);
  std::optional<lane> string_function(const code& c, const row_set& rows);
  std::optional<lane> string_test(const code& c, const row_set& rows);
  std::optional<lane> string_part(const code& c, const row_set& rows);
  std::optional<lane> string_position(const code& c, const row_set& rows);
  std::optional<lane> string_change(const code& c, const row_set& rows);
  std::optional<lane> split_piece(const code& split, const code& index, const code* otherwise,
                                  const row_set& rows);
  std::optional<lane> or_value(const code& c, const row_set& rows);
  std::optional<lane> conversion(const code& c, const row_set& rows);
  std::optional<lane> to_text(const code& c, const row_set& rows);
  std::optional<lane> to_whole(const code& c, const row_set& rows);
  std::optional<lane> to_real(const code& c, const row_set& rows);
  std::optional<lane> time_part(const code& c, const row_set& rows);
  std::optional<lane> math(const code& c, const row_set& rows);
  std::optional<lane> network(const code& c, const row_set& rows);

  /// Whether all arguments have the kinds that a kernel is for.
  template <class... Kinds>
  static bool takes(const code& c, Kinds... kinds) {
    std::array wanted{kinds...};
    if (c.args.size() != wanted.size())
      return false;
    for (std::size_t i = 0; i < wanted.size(); ++i)
      if (!c.args[i]->of.is(wanted[i]))
        return false;
    return true;
  }

  /// A strict function of one value, the first argument if no other is given: `f(a, row, out)` returns a
  /// problem.
  template <class Out, class A, class F>
  lane map1(const code& c, kind out, const row_set& rows, F f, std::size_t argument = 0);
  template <class Out, class A, class B, class F>
  lane map2(const code& c, kind out, const row_set& rows, F f);
  template <class Out, class A, class B, class C, class F>
  lane map3(const code& c, kind out, const row_set& rows, F f);
  /// The result's error bytes, with those of the arguments and their nulls already in; null if the rows
  /// can't fail.
  std::uint8_t* strict_errors(lane& out, const row_set& rows, std::initializer_list<const lane*> args,
                              bool can_fail);

  budget& budget_of(std::uint32_t row);
  arena& texts_of(const code& c) noexcept { return &c == root_ ? texts_ : scratch_; }

  const event_batch& batch_;
  const code* root_;
  arena& texts_;
  arena scratch_;
  interpreter interpreter_;
  row_limits limits_;
  std::vector<budget> budgets_; // by row, made when first asked for
};

} // namespace tidemill::cel
