#include "pipeline/cel/call.hpp"
#include "pipeline/cel/checked.hpp"

#include <cmath>
#include <optional>

namespace tidemill::cel {
namespace {

template <class T>
constexpr bool is_number = std::is_same_v<T, std::int64_t> || std::is_same_v<T, std::uint64_t> ||
                           std::is_same_v<T, double> || std::is_same_v<T, decimal>;

/// Calls `f` with the number that `v` is; no such overload if it is none, or `f` can't take it.
template <class F>
value with_number(const value& v, F f) {
  return std::visit(
      [&]<class T>(const T& x) -> value {
        if constexpr (is_number<T> && std::is_invocable_v<F, T>)
          return f(x);
        else
          return no_overload();
      },
      v.data());
}

std::optional<std::partial_ordering> order_numbers(const value& a, const value& b) {
  return std::visit(
      []<class A, class B>(const A& x, const B& y) -> std::optional<std::partial_ordering> {
        if constexpr (is_number<A> && is_number<B>)
          return order(x, y);
        else
          return {};
      },
      a.data(), b.data());
}

value extreme(fn f, arguments args) {
  const value* best = nullptr;
  auto take = [&](const value& v) {
    auto o = order_numbers(v, best ? *best : v);
    if (o && (!best || (f == fn::greatest ? *o > 0 : *o < 0)))
      best = &v;
    return o.has_value();
  };
  const auto* list = args.size() == 1 ? args[0]->as_list() : nullptr;
  if (list && list->empty())
    return failure("the list is empty");
  if (list) {
    for (const auto& v : *list)
      if (!take(v))
        return no_overload();
  } else {
    for (const auto* v : args)
      if (!take(*v))
        return no_overload();
  }
  return best ? *best : no_overload();
}

value absolute(const value& v) {
  return with_number(v, []<class T>(T x) -> value {
    if constexpr (std::is_same_v<T, std::uint64_t>) {
      return x;
    } else if constexpr (std::is_same_v<T, double>) {
      return std::fabs(x);
    } else {
      auto out = x;
      auto why = x < T{} ? neg(x, out) : nullptr;
      return why ? failure(why) : value{out};
    }
  });
}

value sign_of(const value& v) {
  return with_number(v, []<class T>(T x) -> value {
    if constexpr (std::is_same_v<T, decimal>)
      return no_overload();
    else
      return std::isnan(static_cast<double>(x)) ? x : static_cast<T>((x > T{}) - (x < T{}));
  });
}

value of_double(fn f, double x) {
  switch (f) {
  case fn::ceil:
    return std::ceil(x);
  case fn::floor:
    return std::floor(x);
  case fn::round:
    return std::round(x);
  case fn::trunc:
    return std::trunc(x);
  case fn::is_nan:
    return std::isnan(x);
  case fn::is_inf:
    return std::isinf(x);
  default:
    return static_cast<bool>(std::isfinite(x));
  }
}

value bits(fn f, arguments args) {
  auto apply = [f](auto a, auto b) -> value {
    switch (f) {
    case fn::bit_and:
      return a & b;
    case fn::bit_or:
      return a | b;
    default:
      return a ^ b;
    }
  };
  const auto *a = args[0]->get_if<std::int64_t>(), *b = args[1]->get_if<std::int64_t>();
  if (a && b)
    return apply(*a, *b);
  const auto *x = args[0]->get_if<std::uint64_t>(), *y = args[1]->get_if<std::uint64_t>();
  return x && y ? apply(*x, *y) : no_overload();
}

value shift(fn f, arguments args) {
  const auto* by = args[1]->get_if<std::int64_t>();
  const auto* i = args[0]->get_if<std::int64_t>();
  const auto* u = args[0]->get_if<std::uint64_t>();
  if (!by || (!i && !u))
    return no_overload();
  if (*by < 0)
    return failure("negative shift");
  auto x = i ? static_cast<std::uint64_t>(*i) : *u;
  x = *by >= 64 ? 0 : f == fn::shift_left ? x << *by : x >> *by; // logical, also for int
  return i ? value{static_cast<std::int64_t>(x)} : value{x};
}

value ratio(arguments args) {
  auto a = call_conversion(fn::to_double, args.first(1)), b = call_conversion(fn::to_double, args.last(1));
  const auto *x = a.get_if<double>(), *y = b.get_if<double>();
  if (!x || !y || args[0]->of() == kind::string || args[1]->of() == kind::string)
    return no_overload();
  return *y == 0 ? 0.0 : *x / *y;
}

value bit_not(const value& v) {
  if (const auto* i = v.get_if<std::int64_t>())
    return ~*i;
  const auto* u = v.get_if<std::uint64_t>();
  return u ? value{~*u} : no_overload();
}

value square_root(const value& v) {
  return with_number(v, []<class T>(T x) -> value {
    if constexpr (std::is_same_v<T, decimal>)
      return no_overload();
    else
      return std::sqrt(static_cast<double>(x));
  });
}

} // namespace

value call_math(fn f, arguments args) {
  if (f == fn::greatest || f == fn::least)
    return extreme(f, args);
  bool two = f >= fn::bit_and && f <= fn::shift_right && f != fn::bit_not;
  if (args.size() != (two || f == fn::ratio ? 2u : 1u))
    return no_overload();
  switch (f) {
  case fn::abs:
    return absolute(*args[0]);
  case fn::sign:
    return sign_of(*args[0]);
  case fn::bit_and:
  case fn::bit_or:
  case fn::bit_xor:
    return bits(f, args);
  case fn::bit_not:
    return bit_not(*args[0]);
  case fn::shift_left:
  case fn::shift_right:
    return shift(f, args);
  case fn::sqrt:
    return square_root(*args[0]);
  case fn::ratio:
    return ratio(args);
  default: {
    const auto* d = args[0]->get_if<double>();
    return d ? of_double(f, *d) : no_overload();
  }
  }
}

} // namespace tidemill::cel
