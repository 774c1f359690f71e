#include "pipeline/cel/vector_map.hpp"

namespace tidemill::cel {
namespace {

/// `f(a, b)` over two lanes of one kind, with the constant side in a register.
template <class T, class F>
void run(const lane& a, const lane& b, std::uint8_t* to, const row_set& rows, F f) {
  const auto *x = a.values<T>(), *y = b.values<T>();
  if (a.constant)
    for_rows(rows,
             [=, left = x[0], mask = b.mask()](std::uint32_t row) { to[row] = f(left, y[row & mask]); });
  else if (b.constant)
    for_rows(rows, [=, right = y[0]](std::uint32_t row) { to[row] = f(x[row], right); });
  else
    for_rows(rows, [=](std::uint32_t row) { to[row] = f(x[row], y[row]); });
}

template <class T>
void order_same(fn f, const lane& a, const lane& b, std::uint8_t* to, const row_set& rows) {
  switch (f) {
  case fn::lt:
    return run<T>(a, b, to, rows, [](const T& x, const T& y) { return x < y; });
  case fn::le:
    return run<T>(a, b, to, rows, [](const T& x, const T& y) { return x <= y; });
  case fn::gt:
    return run<T>(a, b, to, rows, [](const T& x, const T& y) { return x > y; });
  default:
    return run<T>(a, b, to, rows, [](const T& x, const T& y) { return x >= y; });
  }
}

bool answer(fn f, std::partial_ordering o) {
  switch (f) {
  case fn::lt:
    return o < 0;
  case fn::le:
    return o <= 0;
  case fn::gt:
    return o > 0;
  case fn::ge:
    return o >= 0;
  case fn::eq:
    return o == 0;
  default:
    return o != 0;
  }
}

template <class A, class B>
void order_mixed(fn f, const lane& a, const lane& b, std::uint8_t* to, const row_set& rows) {
  const auto* x = a.values<A>();
  const auto* y = b.values<B>();
  auto am = a.mask(), bm = b.mask();
  for_rows(rows, [=](std::uint32_t row) { to[row] = answer(f, order(x[row & am], y[row & bm])); });
}

/// Calls `f` with a zero of each side's type; both are numbers.
template <class F>
void with_numbers(kind a, kind b, F f) {
  auto side = [](kind k, auto then) {
    switch (k) {
    case kind::integer:
      return then(std::int64_t{});
    case kind::uinteger:
      return then(std::uint64_t{});
    case kind::real:
      return then(double{});
    default:
      return then(decimal{});
    }
  };
  side(a, [&](auto x) { side(b, [&](auto y) { f(x, y); }); });
}

/// The elements of a constant list of one kind.
template <class T>
std::vector<T> elements_of(const value_list& list) {
  std::vector<T> out;
  for (const auto& v : list)
    if constexpr (std::is_same_v<T, std::uint8_t>)
      out.push_back(*v.get_if<bool>() ? 1 : 0);
    else if constexpr (std::is_same_v<T, std::string_view>)
      out.push_back(*v.get_if<std::string>());
    else
      out.push_back(*v.get_if<T>());
  return out;
}

template <class T>
void search(const code& in, const value_list& list, const lane& a, std::uint8_t* to, const row_set& rows) {
  const auto* x = a.values<T>();
  auto mask = a.mask();
  if constexpr (std::is_same_v<T, std::int64_t> || std::is_same_v<T, std::uint64_t> ||
                std::is_same_v<T, double> || std::is_same_v<T, std::string_view>)
    if (in.set) {
      const auto& set = std::get<std::unordered_set<T>>(*in.set);
      for_rows(rows, [&](std::uint32_t row) { to[row] = set.contains(x[row & mask]); });
      return;
    }
  auto wanted = elements_of<T>(list);
  for_rows(rows, [&](std::uint32_t row) {
    bool found = false;
    for (const auto& w : wanted)
      found |= x[row & mask] == w;
    to[row] = found;
  });
}

} // namespace

std::optional<lane> vector_evaluator::comparison(const code& c, const row_set& rows) {
  auto ka = c.args[0]->of.of(), kb = c.args[1]->of.of();
  bool numbers = c.args[0]->of.numeric() && c.args[1]->of.numeric();
  if (!has_lane(ka) || ka == kind::null_type || (ka != kb && !numbers))
    return {};
  auto a = eval(*c.args[0], rows), b = eval(*c.args[1], rows);
  lane out;
  out.constant = a.constant && b.constant;
  const auto& todo = out.constant ? single_row : rows;
  auto* to = out.make<std::uint8_t>(kind::boolean, out.constant ? 1 : batch_.rows());
  auto* errors = strict_errors(out, todo, {&a, &b}, false);
  if (ka == kb)
    with_storage(ka, [&](auto zero) { order_same<decltype(zero)>(c.function, a, b, to, todo); });
  else
    with_numbers(ka, kb,
                 [&](auto x, auto y) { order_mixed<decltype(x), decltype(y)>(c.function, a, b, to, todo); });
  if (errors)
    for_rows(todo, [&](std::uint32_t row) { to[row] &= !errors[row]; });
  return out;
}

/// Null equals null and nothing else; that is no error.
std::optional<lane> vector_evaluator::equality(const code& c, const row_set& rows) {
  auto ka = c.args[0]->of.of(), kb = c.args[1]->of.of();
  bool null_literal = ka == kind::null_type || kb == kind::null_type;
  bool numbers = c.args[0]->of.numeric() && c.args[1]->of.numeric();
  if (!has_lane(ka) || !has_lane(kb) || (ka != kb && !numbers && !null_literal))
    return {};
  auto a = eval(*c.args[0], rows), b = eval(*c.args[1], rows);
  lane out;
  out.constant = a.constant && b.constant;
  const auto& todo = out.constant ? single_row : rows;
  auto* to = out.make<std::uint8_t>(kind::boolean, out.constant ? 1 : batch_.rows());
  bool wanted = c.function == fn::eq;
  if (null_literal)
    for_rows(todo, [&](std::uint32_t row) { to[row] = !wanted; });
  else if (ka != kb)
    with_numbers(ka, kb,
                 [&](auto x, auto y) { order_mixed<decltype(x), decltype(y)>(c.function, a, b, to, todo); });
  else
    with_storage(ka, [&](auto zero) {
      using T = decltype(zero);
      if (wanted)
        run<T>(a, b, to, todo, [](const T& x, const T& y) { return x == y; });
      else
        run<T>(a, b, to, todo, [](const T& x, const T& y) { return !(x == y); });
    });
  if (a.nulls || b.nulls)
    for_rows(todo, [&](std::uint32_t row) {
      bool an = a.is_null(row), bn = b.is_null(row);
      to[row] = an || bn ? (an && bn) == wanted : to[row];
    });
  if (a.errors || b.errors) {
    auto* errors = out.make_errors(out.constant ? 1 : batch_.rows(), todo);
    for_rows(todo, [&](std::uint32_t row) {
      errors[row] = a.is_error(row) || b.is_error(row);
      to[row] &= !errors[row];
    });
  }
  return out;
}

/// `x in [constants]`, all of the kind of x.
std::optional<lane> vector_evaluator::membership(const code& c, const row_set& rows) {
  auto k = c.args[0]->of.of();
  const auto& right = *c.args[1];
  const auto* list = right.what == op::constant ? right.literal.as_list() : nullptr;
  if (!list || !has_lane(k) || k == kind::bytes || k == kind::null_type)
    return {};
  for (const auto& v : *list)
    if (v.of() != k)
      return {};
  auto a = eval(*c.args[0], rows);
  lane out;
  out.constant = a.constant;
  const auto& todo = out.constant ? single_row : rows;
  auto* to = out.make<std::uint8_t>(kind::boolean, out.constant ? 1 : batch_.rows());
  with_storage(k, [&](auto zero) {
    using T = decltype(zero);
    search<T>(c, *list, a, to, todo);
  });
  if (a.nulls)
    for_rows(todo, [&](std::uint32_t row) { to[row] &= !a.is_null(row); });
  if (a.errors) {
    auto* errors = out.make_errors(out.constant ? 1 : batch_.rows(), todo);
    for_rows(todo, [&](std::uint32_t row) {
      errors[row] = a.is_error(row);
      to[row] &= !errors[row];
    });
  }
  return out;
}

} // namespace tidemill::cel
