#pragma once

#include "pipeline/cel/vector.hpp"

namespace tidemill::cel {

/// The row numbers that a lane is worked out for: just one if all its arguments are constant.
inline constexpr row_set single_row{nullptr, 1, true};

template <class Out, class A, class F>
lane vector_evaluator::map1(const code& c, kind of, const row_set& rows, F f, std::size_t argument) {
  auto a = eval(*c.args[argument], rows);
  lane out;
  out.constant = a.constant;
  const auto& todo = a.constant ? single_row : rows;
  auto* to = out.make<Out>(of, a.constant ? 1 : batch_.rows());
  auto* errors = strict_errors(out, todo, {&a}, true);
  const auto* x = a.values<A>();
  for_rows(todo, [&](std::uint32_t row) {
    Out result{};
    if (f(x[row], row, result)) {
      errors[row] = 1;
      result = {};
    }
    to[row] = result;
  });
  return out;
}

template <class Out, class A, class B, class F>
lane vector_evaluator::map2(const code& c, kind of, const row_set& rows, F f) {
  auto a = eval(*c.args[0], rows), b = eval(*c.args[1], rows);
  lane out;
  out.constant = a.constant && b.constant;
  const auto& todo = out.constant ? single_row : rows;
  auto* to = out.make<Out>(of, out.constant ? 1 : batch_.rows());
  auto* errors = strict_errors(out, todo, {&a, &b}, true);
  const auto* x = a.values<A>();
  const auto* y = b.values<B>();
  auto am = a.mask(), bm = b.mask();
  for_rows(todo, [&](std::uint32_t row) {
    Out result{};
    if (f(x[row & am], y[row & bm], row, result)) {
      errors[row] = 1;
      result = {};
    }
    to[row] = result;
  });
  return out;
}

template <class Out, class A, class B, class C, class F>
lane vector_evaluator::map3(const code& c, kind of, const row_set& rows, F f) {
  auto a = eval(*c.args[0], rows), b = eval(*c.args[1], rows), d = eval(*c.args[2], rows);
  lane out;
  out.constant = a.constant && b.constant && d.constant;
  const auto& todo = out.constant ? single_row : rows;
  auto* to = out.make<Out>(of, out.constant ? 1 : batch_.rows());
  auto* errors = strict_errors(out, todo, {&a, &b, &d}, true);
  const auto* x = a.values<A>();
  const auto* y = b.values<B>();
  const auto* z = d.values<C>();
  auto am = a.mask(), bm = b.mask(), dm = d.mask();
  for_rows(todo, [&](std::uint32_t row) {
    Out result{};
    if (f(x[row & am], y[row & bm], z[row & dm], row, result)) {
      errors[row] = 1;
      result = {};
    }
    to[row] = result;
  });
  return out;
}

} // namespace tidemill::cel
