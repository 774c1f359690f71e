#include "pipeline/cel/call.hpp"
#include "pipeline/cel/checked.hpp"

#include <optional>

namespace tidemill::cel {
namespace {

value outcome(problem why, value v) {
  return why ? failure(why) : std::move(v);
}

/// Applies `f(a, b, out)` if both have these types.
template <class A, class B, class Out, class F>
std::optional<value> apply(arguments args, F f) {
  const auto* a = args[0]->get_if<A>();
  const auto* b = args[1]->get_if<B>();
  if (!a || !b)
    return {};
  Out out{};
  auto why = f(*a, *b, out);
  return outcome(why, out);
}

/// Decimals, and an int beside one.
template <class F>
std::optional<value> apply_decimal(arguments args, F f) {
  auto whole = [](const value& v) -> std::optional<decimal> {
    if (const auto* i = v.get_if<std::int64_t>())
      return to_decimal(*i);
    const auto* d = v.get_if<decimal>();
    return d ? std::optional{*d} : std::nullopt;
  };
  auto a = whole(*args[0]), b = whole(*args[1]);
  if (!a || !b || (args[0]->of() == kind::integer && args[1]->of() == kind::integer))
    return {};
  decimal out;
  auto why = f(*a, *b, out);
  return outcome(why, out);
}

template <class F>
std::optional<value> apply_numbers(arguments args, F f) {
  if (auto v = apply<std::int64_t, std::int64_t, std::int64_t>(args, f))
    return v;
  if (auto v = apply<std::uint64_t, std::uint64_t, std::uint64_t>(args, f))
    return v;
  if (auto v = apply<double, double, double>(args, f))
    return v;
  return apply_decimal(args, f);
}

constexpr auto add_any = [](const auto& a, const auto& b, auto& out) { return add(a, b, out); };
constexpr auto sub_any = [](const auto& a, const auto& b, auto& out) { return sub(a, b, out); };
constexpr auto mul_any = [](const auto& a, const auto& b, auto& out) { return mul(a, b, out); };
constexpr auto div_any = [](const auto& a, const auto& b, auto& out) { return div(a, b, out); };
constexpr auto mod_any = [](const auto& a, const auto& b, auto& out) { return mod(a, b, out); };

value concatenate(arguments args, budget& left) {
  const auto *a = args[0]->get_if<std::string>(), *b = args[1]->get_if<std::string>();
  if (a && b)
    return left.bytes(a->size() + b->size()) ? value{*a + *b} : over_budget();
  const auto *x = args[0]->get_if<byte_string>(), *y = args[1]->get_if<byte_string>();
  if (x && y)
    return left.bytes(x->bytes.size() + y->bytes.size()) ? value{byte_string{x->bytes + y->bytes}}
                                                         : over_budget();
  const auto *first = args[0]->as_list(), *second = args[1]->as_list();
  if (!first || !second)
    return no_overload();
  if (second->empty())
    return *args[0];
  if (first->empty())
    return *args[1];
  auto out = *first;
  out.insert(out.end(), second->begin(), second->end());
  value made{std::move(out)};
  return left.contents(made) ? made : over_budget();
}

value add_values(arguments args, budget& left) {
  if (auto v = apply_numbers(args, add_any))
    return *v;
  if (auto v = apply<timestamp, duration, timestamp>(args, add_any))
    return *v;
  if (auto v = apply<duration, timestamp, timestamp>(args, add_any))
    return *v;
  if (auto v = apply<duration, duration, duration>(args, add_any))
    return *v;
  return concatenate(args, left);
}

value sub_values(arguments args) {
  if (auto v = apply_numbers(args, sub_any))
    return *v;
  if (auto v = apply<timestamp, timestamp, duration>(args, sub_any))
    return *v;
  if (auto v = apply<timestamp, duration, timestamp>(args, sub_any))
    return *v;
  auto v = apply<duration, duration, duration>(args, sub_any);
  return v ? *v : no_overload();
}

value mod_values(arguments args) {
  if (auto v = apply<std::int64_t, std::int64_t, std::int64_t>(args, mod_any))
    return *v;
  auto v = apply<std::uint64_t, std::uint64_t, std::uint64_t>(args, mod_any);
  return v ? *v : no_overload();
}

value negate(const value& v) {
  auto apply_one = [](auto x) {
    auto out = x;
    auto why = neg(x, out);
    return outcome(why, out);
  };
  if (const auto* i = v.get_if<std::int64_t>())
    return apply_one(*i);
  if (const auto* d = v.get_if<double>())
    return apply_one(*d);
  if (const auto* d = v.get_if<decimal>())
    return apply_one(*d);
  const auto* d = v.get_if<duration>();
  return d ? apply_one(*d) : no_overload();
}

template <class T>
constexpr bool is_number = std::is_same_v<T, std::int64_t> || std::is_same_v<T, std::uint64_t> ||
                           std::is_same_v<T, double> || std::is_same_v<T, decimal>;
template <class T>
constexpr bool is_ordered =
    is_number<T> || std::is_same_v<T, bool> || std::is_same_v<T, std::string> ||
    std::is_same_v<T, byte_string> || std::is_same_v<T, timestamp> || std::is_same_v<T, duration>;

/// Nothing: the kinds have no order.
std::optional<std::partial_ordering> order_values(const value& a, const value& b) {
  return std::visit(
      []<class A, class B>(const A& x, const B& y) -> std::optional<std::partial_ordering> {
        if constexpr ((is_number<A> && is_number<B>) || (std::is_same_v<A, B> && is_ordered<A>))
          return order(x, y);
        else
          return {};
      },
      a.data(), b.data());
}

value compare(fn f, arguments args, budget& left) {
  if (const auto* a = args[0]->get_if<std::string>(), *b = args[1]->get_if<std::string>();
      a && b && !left.read_bytes(std::min(a->size(), b->size())))
    return over_budget();
  auto o = order_values(*args[0], *args[1]);
  if (!o)
    return no_overload();
  switch (f) {
  case fn::lt:
    return *o < 0;
  case fn::le:
    return *o <= 0;
  case fn::gt:
    return *o > 0;
  default:
    return *o >= 0;
  }
}

} // namespace

value call_operator(fn f, arguments args, budget& left) {
  if (args.size() == 1) {
    if (f == fn::neg)
      return negate(*args[0]);
    const auto* b = args[0]->get_if<bool>();
    return f == fn::not_ && b ? value{!*b} : no_overload();
  }
  if (args.size() != 2)
    return no_overload();
  switch (f) {
  case fn::add:
    return add_values(args, left);
  case fn::sub:
    return sub_values(args);
  case fn::mul:
    return apply_numbers(args, mul_any).value_or(no_overload());
  case fn::div:
    return apply_numbers(args, div_any).value_or(no_overload());
  case fn::mod:
    return mod_values(args);
  case fn::eq:
  case fn::ne: {
    auto same = equals(*args[0], *args[1], left);
    return left.good() ? value{same == (f == fn::eq)} : over_budget();
  }
  case fn::lt:
  case fn::le:
  case fn::gt:
  case fn::ge:
    return compare(f, args, left);
  default:
    return no_overload();
  }
}

} // namespace tidemill::cel
