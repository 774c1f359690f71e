#include "pipeline/verify/row_compare.hpp"

#include "event/json_member.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

namespace tidemill {
namespace {

std::string json(const value& v) {
  std::string text;
  append_json(text, v);
  return text;
}

bool alike(double a, double b, double noise) {
  if (std::isnan(a) || std::isnan(b) || std::isinf(a) || std::isinf(b))
    return a == b || (std::isnan(a) && std::isnan(b));
  return std::fabs(a - b) <= std::max(noise, real_tolerance * std::max(std::fabs(a), std::fabs(b)));
}

bool alike(const value& a, const value& b, double noise) {
  if (const auto* x = a.get_if<double>(), *y = b.get_if<double>(); x != nullptr && y != nullptr)
    return alike(*x, *y, noise);
  if (const auto* x = a.as_list(), *y = b.as_list(); x != nullptr && y != nullptr)
    return std::ranges::equal(*x, *y, [&](const value& v, const value& w) { return alike(v, w, noise); });
  if (const auto* x = a.as_map(), *y = b.as_map(); x != nullptr && y != nullptr)
    return std::ranges::equal(*x, *y, [&](const auto& v, const auto& w) {
      return alike(v.first, w.first, noise) && alike(v.second, w.second, noise);
    });
  std::string left, right;
  append_encoded(left, a);
  append_encoded(right, b);
  return left == right;
}

/// The part of the layout that a column's `top` is, if it reads one.
std::optional<std::size_t> top_of(const view_plan& view, const cel::expression& column) {
  for (auto slot : column.slots())
    if (slot >= view.by.size()) {
      auto part = view.layout->part_of(slot - view.by.size());
      if (view.layout->part(part).name().starts_with("top("))
        return part;
    }
  return std::nullopt;
}

/// Nothing: it is no list of a `top`.
std::optional<bool> brackets(const value& listed, std::size_t part, const window_events& events) {
  const auto* list = listed.as_list();
  if (list == nullptr)
    return std::nullopt;
  for (const auto& entry : *list) {
    const auto* item = json_member(entry, "value");
    const auto* count = json_member(entry, "count");
    const auto* error = json_member(entry, "error");
    if (item == nullptr || count == nullptr || error == nullptr || !count->get_if<std::int64_t>() ||
        !error->get_if<std::int64_t>())
      return std::nullopt;
    std::string bytes;
    append_encoded(bytes, *item);
    auto exact = static_cast<std::int64_t>(events.count(part, bytes));
    auto most = *count->get_if<std::int64_t>();
    if (exact > most || exact < most - *error->get_if<std::int64_t>())
      return false;
  }
  return true;
}

} // namespace

row_comparison compare_rows(const view_plan& view, const row& stored, const naive_view::result& recomputed,
                            bool whole) {
  row_comparison out;
  const auto& other = *recomputed.row;
  const auto first_score = view.by.size() + view.columns.size();
  std::optional<double> noise;
  auto differ = [&](const std::string& column, std::string a, std::string b) {
    out.differences.push_back({column, std::move(a), std::move(b)});
  };
  for (std::size_t i = view.by.size(); i < stored.columns.size() && i < other.columns.size(); ++i) {
    const auto &a = stored.columns[i], &b = other.columns[i];
    const auto& name = view.schema->columns[i].name;
    if (alike(a, b, 0))
      continue;
    if (!noise)
      noise = recomputed.events.noise();
    if (alike(a, b, *noise))
      continue;
    if (i >= first_score && !whole) {
      out.untold.push_back(name);
      continue;
    }
    auto top = i < first_score ? top_of(view, view.columns[i - view.by.size()]) : std::nullopt;
    auto bracketed = top ? brackets(a, *top, recomputed.events) : std::optional<bool>{false};
    if (!bracketed)
      out.untold.push_back(name);
    else if (!*bracketed)
      differ(name, json(a), json(b));
  }
  if (stored.revision != other.revision)
    differ("revision", std::to_string(stored.revision), std::to_string(other.revision));
  return out;
}

std::string place_of(const view_plan& view, const row& r) {
  std::string out = "[";
  for (std::size_t i = 0; i < view.by.size() && i < r.columns.size(); ++i)
    out += (i > 0 ? ", " : "") + json(r.columns[i]);
  return out + "] " + format_rfc3339(r.window_start) + " to " + format_rfc3339(r.window_end);
}

} // namespace tidemill
