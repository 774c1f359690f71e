#include "pipeline/cel/vector_map.hpp"

#include <cmath>
#include <cstring>

namespace tidemill::cel {
namespace {

constexpr auto add_any = [](auto a, auto b, auto& out) { return add(a, b, out); };
constexpr auto sub_any = [](auto a, auto b, auto& out) { return sub(a, b, out); };
constexpr auto mul_any = [](auto a, auto b, auto& out) { return mul(a, b, out); };
constexpr auto div_any = [](auto a, auto b, auto& out) { return div(a, b, out); };
constexpr auto mod_any = [](auto a, auto b, auto& out) { return mod(a, b, out); };

/// An operation as a function of (a, b, row, out).
template <class F>
auto by_row(F f) {
  return [f](auto a, auto b, std::uint32_t, auto& out) { return f(a, b, out); };
}

/// An operation on decimals that also takes an int on one side.
template <class F>
auto decimals(F f) {
  return [f](auto a, auto b, std::uint32_t, decimal& out) {
    auto exact = [](auto x) {
      if constexpr (std::is_same_v<decltype(x), decimal>)
        return x;
      else
        return to_decimal(x);
    };
    return f(exact(a), exact(b), out);
  };
}

/// `f(a, b)` of doubles, which never fails: loops that the compiler turns into vector code.
template <class F>
void run_double(const lane& a, const lane& b, double* to, const row_set& rows, F f) {
  const auto *x = a.values<double>(), *y = b.values<double>();
  if (a.constant)
    for_rows(rows,
             [=, left = x[0], mask = b.mask()](std::uint32_t row) { to[row] = f(left, y[row & mask]); });
  else if (b.constant)
    for_rows(rows, [=, right = y[0]](std::uint32_t row) { to[row] = f(x[row], right); });
  else
    for_rows(rows, [=](std::uint32_t row) { to[row] = f(x[row], y[row]); });
}

} // namespace

lane vector_evaluator::doubles(const code& c, const row_set& rows) {
  auto a = eval(*c.args[0], rows), b = eval(*c.args[1], rows);
  lane out;
  out.constant = a.constant && b.constant;
  const auto& todo = out.constant ? single_row : rows;
  auto* to = out.make<double>(kind::real, out.constant ? 1 : batch_.rows());
  strict_errors(out, todo, {&a, &b}, false);
  switch (c.function) {
  case fn::add:
    run_double(a, b, to, todo, [](double x, double y) { return x + y; });
    break;
  case fn::sub:
    run_double(a, b, to, todo, [](double x, double y) { return x - y; });
    break;
  case fn::mul:
    run_double(a, b, to, todo, [](double x, double y) { return x * y; });
    break;
  default:
    run_double(a, b, to, todo, [](double x, double y) { return x / y; });
    break;
  }
  return out;
}

template <class T>
lane vector_evaluator::whole_numbers(const code& c, const row_set& rows) {
  auto k = kind_of<T>;
  switch (c.function) {
  case fn::add:
    return map2<T, T, T>(c, k, rows, by_row(add_any));
  case fn::sub:
    return map2<T, T, T>(c, k, rows, by_row(sub_any));
  case fn::mul:
    return map2<T, T, T>(c, k, rows, by_row(mul_any));
  case fn::div:
    return map2<T, T, T>(c, k, rows, by_row(div_any));
  default:
    return map2<T, T, T>(c, k, rows, by_row(mod_any));
  }
}

template <class A, class B>
lane vector_evaluator::decimal_numbers(const code& c, const row_set& rows) {
  switch (c.function) {
  case fn::add:
    return map2<decimal, A, B>(c, kind::decimal, rows, decimals(add_any));
  case fn::sub:
    return map2<decimal, A, B>(c, kind::decimal, rows, decimals(sub_any));
  case fn::mul:
    return map2<decimal, A, B>(c, kind::decimal, rows, decimals(mul_any));
  default:
    return map2<decimal, A, B>(c, kind::decimal, rows, decimals(div_any));
  }
}

lane vector_evaluator::concatenation(const code& c, const row_set& rows) {
  return map2<std::string_view, std::string_view, std::string_view>(
      c, c.of.of(), rows,
      [this, &texts = texts_of(c)](std::string_view a, std::string_view b, std::uint32_t row,
                                   std::string_view& out) -> problem {
        auto size = a.size() + b.size();
        if (!budget_of(row).bytes(size))
          return "";
        if (size == 0)
          return nullptr;
        auto* to = texts.reserve(size);
        if (!a.empty())
          std::memcpy(to, a.data(), a.size());
        if (!b.empty())
          std::memcpy(to + a.size(), b.data(), b.size());
        out = {to, size};
        return nullptr;
      });
}

std::optional<lane> vector_evaluator::times(const code& c, const row_set& rows) {
  using enum kind;
  bool plus = c.function == fn::add;
  if (takes(c, timestamp, duration))
    return plus ? map2<tidemill::timestamp, tidemill::timestamp, tidemill::duration>(c, timestamp, rows,
                                                                                     by_row(add_any))
                : map2<tidemill::timestamp, tidemill::timestamp, tidemill::duration>(c, timestamp, rows,
                                                                                     by_row(sub_any));
  if (takes(c, duration, duration))
    return plus ? map2<tidemill::duration, tidemill::duration, tidemill::duration>(c, duration, rows,
                                                                                   by_row(add_any))
                : map2<tidemill::duration, tidemill::duration, tidemill::duration>(c, duration, rows,
                                                                                   by_row(sub_any));
  if (plus && takes(c, duration, timestamp))
    return map2<tidemill::timestamp, tidemill::duration, tidemill::timestamp>(c, timestamp, rows,
                                                                              by_row(add_any));
  if (!plus && takes(c, timestamp, timestamp))
    return map2<tidemill::duration, tidemill::timestamp, tidemill::timestamp>(c, duration, rows,
                                                                              by_row(sub_any));
  return {};
}

std::optional<lane> vector_evaluator::arithmetic(const code& c, const row_set& rows) {
  using enum kind;
  if (c.function == fn::not_)
    return takes(c, boolean) ? std::optional{map1<std::uint8_t, std::uint8_t>(
                                   c, boolean, rows,
                                   [](std::uint8_t x, std::uint32_t, std::uint8_t& out) -> problem {
                                     out = !x;
                                     return nullptr;
                                   })}
                             : std::nullopt;
  if (c.function == fn::neg) {
    auto negate = [](auto x, std::uint32_t, auto& out) { return neg(x, out); };
    if (takes(c, integer))
      return map1<std::int64_t, std::int64_t>(c, integer, rows, negate);
    if (takes(c, real))
      return map1<double, double>(c, real, rows, negate);
    if (takes(c, kind::decimal))
      return map1<tidemill::decimal, tidemill::decimal>(c, kind::decimal, rows, negate);
    return takes(c, duration)
               ? std::optional{map1<tidemill::duration, tidemill::duration>(c, duration, rows, negate)}
               : std::nullopt;
  }
  if (takes(c, integer, integer))
    return whole_numbers<std::int64_t>(c, rows);
  if (takes(c, uinteger, uinteger))
    return whole_numbers<std::uint64_t>(c, rows);
  if (takes(c, real, real))
    return doubles(c, rows);
  if (takes(c, kind::decimal, kind::decimal))
    return decimal_numbers<tidemill::decimal, tidemill::decimal>(c, rows);
  if (takes(c, kind::decimal, integer))
    return decimal_numbers<tidemill::decimal, std::int64_t>(c, rows);
  if (takes(c, integer, kind::decimal))
    return decimal_numbers<std::int64_t, tidemill::decimal>(c, rows);
  if (c.function == fn::add && (takes(c, string, string) || takes(c, bytes, bytes)))
    return concatenation(c, rows);
  return c.function == fn::add || c.function == fn::sub ? times(c, rows) : std::nullopt;
}

} // namespace tidemill::cel
