#include "event/value.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace tidemill {
namespace {

template <class T>
constexpr bool is_number = std::is_same_v<T, std::int64_t> || std::is_same_v<T, std::uint64_t> ||
                           std::is_same_v<T, double> || std::is_same_v<T, decimal>;

constexpr double two_63 = 9223372036854775808.0;
constexpr double two_64 = 18446744073709551616.0;

int128 units(std::int64_t x) noexcept {
  return int128{x} * decimal_one;
}
int128 units(std::uint64_t x) noexcept {
  return static_cast<int128>(x) * decimal_one;
}

// The nearest double. Both operands of the division are exact below 2^53; beyond, the text is read back.
double nearest(decimal d) noexcept {
  constexpr int128 exact = int128{1} << 53;
  if (d.units > -exact && d.units < exact)
    return static_cast<double>(static_cast<std::int64_t>(d.units)) / static_cast<double>(decimal_one);
  auto text = to_string(d);
  double x = 0;
  std::from_chars(text.data(), text.data() + text.size(), x);
  return x;
}

// CEL's rule for numbers of two kinds. An integer against a double: outside the integer's range the range
// decides, inside both are compared as doubles, lossy as that is.
bool same_number(std::int64_t a, std::uint64_t b) noexcept {
  return a >= 0 && static_cast<std::uint64_t>(a) == b;
}
bool same_number(std::int64_t a, double b) noexcept {
  return b >= -two_63 && b <= two_63 && static_cast<double>(a) == b;
}
bool same_number(std::uint64_t a, double b) noexcept {
  return b >= 0 && b <= two_64 && static_cast<double>(a) == b;
}
bool same_number(std::int64_t a, decimal b) noexcept {
  return units(a) == b.units;
}
bool same_number(std::uint64_t a, decimal b) noexcept {
  return units(a) == b.units;
}
bool same_number(double a, decimal b) noexcept {
  return a == nearest(b);
}
template <class A, class B>
bool same_number(A a, B b) noexcept {
  return same_number(b, a);
}

template <class T>
int order(const T& a, const T& b) noexcept {
  return a < b ? -1 : b < a ? 1 : 0;
}

// Exact order of a decimal and a finite double: whole parts, then fractions as integers over 2^83.
int order_exact(int128 a, double b) noexcept {
  constexpr double far = 1e30; // beyond any decimal
  if (b >= far || b <= -far)
    return b > 0 ? -1 : 1;
  auto floor_b = std::floor(b);
  auto whole_b = static_cast<int128>(floor_b);
  auto whole_a = a / decimal_one - (a % decimal_one < 0 ? 1 : 0);
  if (whole_a != whole_b)
    return whole_a < whole_b ? -1 : 1;
  auto part_a = a - whole_a * decimal_one; // 10^-9 units, 0 … 10^9-1
  auto part_b = b - floor_b;               // exact, 0 … 1
  if (part_b < 0x1p-30)                    // less than one unit
    return part_a != 0 ? 1 : part_b > 0 ? -1 : 0;
  auto scaled_b = static_cast<int128>(std::ldexp(part_b, 83)) * decimal_one;
  return order(part_a << 83, scaled_b);
}

int order_numbers(double a, double b) noexcept {
  if (std::isnan(a) || std::isnan(b))
    return std::isnan(a) ? (std::isnan(b) ? 0 : 1) : -1;
  return order(a, b);
}

int128 as_units(std::int64_t x) noexcept {
  return units(x);
}
int128 as_units(std::uint64_t x) noexcept {
  return units(x);
}
int128 as_units(decimal x) noexcept {
  return x.units;
}

template <class A, class B>
int order_numbers(A a, B b) noexcept {
  if constexpr (std::is_same_v<A, double>)
    return -order_numbers(b, a);
  else if constexpr (std::is_same_v<B, double>)
    return std::isnan(b) ? -1 : order_exact(as_units(a), b);
  else
    return order(as_units(a), as_units(b));
}

// Entries of a map in the order of their keys.
std::vector<const value_map::value_type*> sorted(const value_map& m) {
  std::vector<const value_map::value_type*> all;
  all.reserve(m.size());
  for (const auto& entry : m)
    all.push_back(&entry);
  std::stable_sort(all.begin(), all.end(),
                   [](auto* a, auto* b) { return compare_for_order(a->first, b->first) < 0; });
  return all;
}

bool same_map(const value_map& a, const value_map& b) {
  if (a.size() != b.size())
    return false;
  // Maps of one origin mostly have one order.
  bool aligned = true;
  for (std::size_t i = 0; i < a.size() && aligned; ++i)
    aligned = a[i].first == b[i].first;
  if (aligned)
    return std::equal(a.begin(), a.end(), b.begin(),
                      [](const auto& x, const auto& y) { return x.second == y.second; });
  auto left = sorted(a), right = sorted(b);
  return std::equal(left.begin(), left.end(), right.begin(),
                    [](auto* x, auto* y) { return x->first == y->first && x->second == y->second; });
}

int order_maps(const value_map& a, const value_map& b) {
  auto left = sorted(a), right = sorted(b);
  for (std::size_t i = 0; i < std::min(left.size(), right.size()); ++i) {
    if (auto o = compare_for_order(left[i]->first, right[i]->first); o != 0)
      return o;
    if (auto o = compare_for_order(left[i]->second, right[i]->second); o != 0)
      return o;
  }
  return order(left.size(), right.size());
}

int order_lists(const value_list& a, const value_list& b) {
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    if (auto o = compare_for_order(a[i], b[i]); o != 0)
      return o;
  return order(a.size(), b.size());
}

// Numbers of all kinds share a rank.
std::size_t rank(const value& v) noexcept {
  auto k = v.data().index();
  return k == static_cast<std::size_t>(kind::uinteger) || k == static_cast<std::size_t>(kind::real) ||
                 k == static_cast<std::size_t>(kind::decimal)
             ? static_cast<std::size_t>(kind::integer)
             : k;
}

struct same {
  bool operator()(const value::list_ptr& a, const value::list_ptr& b) const {
    return std::equal(a->begin(), a->end(), b->begin(), b->end());
  }
  bool operator()(const value::map_ptr& a, const value::map_ptr& b) const { return same_map(*a, *b); }
  bool operator()(const optional_value& a, const optional_value& b) const {
    return a.held && b.held ? *a.held == *b.held : a.held == b.held;
  }
  // At run time `list` and `map` have no parameters.
  bool operator()(const type& a, const type& b) const { return a.of() == b.of(); }
  bool operator()(const value::error_ptr& a, const value::error_ptr& b) const { return *a == *b; }
  template <class T>
  bool operator()(const T& a, const T& b) const {
    return a == b;
  }
  template <class A, class B>
  bool operator()(const A& a, const B& b) const {
    if constexpr (is_number<A> && is_number<B>)
      return same_number(a, b);
    else
      return false;
  }
};

struct ordered {
  int operator()(const value::list_ptr& a, const value::list_ptr& b) const { return order_lists(*a, *b); }
  int operator()(const value::map_ptr& a, const value::map_ptr& b) const { return order_maps(*a, *b); }
  int operator()(const optional_value& a, const optional_value& b) const {
    return a.held && b.held ? compare_for_order(*a.held, *b.held) : order(!!a.held, !!b.held);
  }
  int operator()(const type& a, const type& b) const { return order(a.of(), b.of()); }
  int operator()(const value::error_ptr& a, const value::error_ptr& b) const {
    return a->code() != b->code() ? order(a->code(), b->code()) : order(a->text(), b->text());
  }
  int operator()(double a, double b) const { return order_numbers(a, b); }
  template <class T>
  int operator()(const T& a, const T& b) const {
    return order(a, b);
  }
  template <class A, class B>
  int operator()(const A& a, const B& b) const {
    if constexpr (is_number<A> && is_number<B>)
      return order_numbers(a, b);
    else
      return 0; // ranks differ, decided before
  }
};

} // namespace

kind value::of() const noexcept {
  static_assert(std::variant_size_v<storage> == static_cast<std::size_t>(kind::dyn) + 1);
  static_assert(std::is_same_v<std::variant_alternative_t<static_cast<std::size_t>(kind::map), storage>,
                               value::map_ptr>);
  return static_cast<kind>(data_.index());
}

const value_list* value::as_list() const noexcept {
  const auto* held = std::get_if<list_ptr>(&data_);
  return held != nullptr ? held->get() : nullptr;
}

const value_map* value::as_map() const noexcept {
  const auto* held = std::get_if<map_ptr>(&data_);
  return held != nullptr ? held->get() : nullptr;
}

bool operator==(const value& a, const value& b) {
  return std::visit(same{}, a.data_, b.data_);
}

int compare_for_order(const value& a, const value& b) {
  if (auto o = order(rank(a), rank(b)); o != 0)
    return o;
  return std::visit(ordered{}, a.data(), b.data());
}

} // namespace tidemill
