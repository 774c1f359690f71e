#include "pipeline/aggregates/parameters.hpp"

#include <cmath>
#include <limits>

namespace tidemill {
namespace {

std::string json(const value& v) {
  std::string text;
  append_json(text, v);
  return text;
}

std::string here(const value& constant) {
  return "here it is " + json(constant);
}

value as_integer(const value& v) {
  if (const auto* u = v.get_if<std::uint64_t>())
    return *u <= std::uint64_t{std::numeric_limits<std::int64_t>::max()}
               ? value{static_cast<std::int64_t>(*u)}
               : value{};
  return v.get_if<std::int64_t>() != nullptr ? v : value{};
}

value as_uinteger(const value& v) {
  if (const auto* i = v.get_if<std::int64_t>())
    return *i >= 0 ? value{static_cast<std::uint64_t>(*i)} : value{};
  return v.get_if<std::uint64_t>() != nullptr ? v : value{};
}

// A double as it is written: 0.1 is the decimal 0.1.
value as_decimal(const value& v) {
  if (v.get_if<decimal>() != nullptr)
    return v;
  if (!as_number(v))
    return {};
  auto d = parse_decimal(json(v));
  return d ? value{*d} : value{};
}

} // namespace

std::optional<double> as_number(const value& v) {
  if (const auto* x = v.get_if<double>())
    return *x + 0.0;
  if (const auto* i = v.get_if<std::int64_t>())
    return static_cast<double>(*i);
  if (const auto* u = v.get_if<std::uint64_t>())
    return static_cast<double>(*u);
  return std::nullopt;
}

std::optional<std::size_t> as_count(const value& v, std::size_t most) {
  auto n = as_integer(v);
  if (n.is_null() || *n.get_if<std::int64_t>() < 1 ||
      static_cast<std::uint64_t>(*n.get_if<std::int64_t>()) > most)
    return std::nullopt;
  return static_cast<std::size_t>(*n.get_if<std::int64_t>());
}

value as_bound(kind among, const value& v) {
  switch (among) {
  case kind::integer:
    return as_integer(v);
  case kind::uinteger:
    return as_uinteger(v);
  case kind::real:
    return as_number(v) && !std::isnan(*as_number(v)) ? value{*as_number(v)} : value{};
  case kind::decimal:
    return as_decimal(v);
  case kind::duration:
    return v.get_if<duration>() != nullptr ? v : value{};
  default:
    return {};
  }
}

std::string no_fraction(const std::vector<type>&, const value& constant) {
  auto q = as_number(constant);
  return q && *q >= 0 && *q <= 1 ? "" : here(constant);
}

std::string no_half_life(const std::vector<type>&, const value& constant) {
  const auto* d = constant.get_if<duration>();
  return d != nullptr && d->nanos > 0 ? "" : here(constant) + ": write duration('30s')";
}

std::string no_count(const value& constant, std::size_t most) {
  return as_count(constant, most) ? "" : here(constant);
}

std::string no_bounds(const std::vector<type>& columns, const value& constant) {
  auto among = columns.at(0).of();
  // What kind it is among is said elsewhere if there are no bounds for it.
  if (as_bound(among, value{1}).is_null() && as_bound(among, value{duration{1}}).is_null())
    return "";
  const auto* list = constant.as_list();
  if (list == nullptr || list->empty())
    return here(constant) + ": write a list such as [10, 20]";
  if (list->size() > most_bounds)
    return "here are " + std::to_string(list->size()) + ", at most " + std::to_string(most_bounds) +
           " are possible";
  value before;
  for (const auto& v : *list) {
    auto bound = as_bound(among, v);
    if (bound.is_null())
      return json(v) + " is no bound for " + to_string(columns[0].with_null(false));
    if (!before.is_null() && compare_for_order(before, bound) >= 0)
      return "bounds must ascend, " + json(bound) + " follows " + json(before);
    before = bound;
  }
  return "";
}

} // namespace tidemill
