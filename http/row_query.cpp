#include "http/row_query.hpp"

#include "http/work_clock.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <unordered_set>

namespace tidemill {
namespace {

error wrong(std::string_view parameter, std::string_view takes) {
  return {errc::refused, std::string{parameter} + ": expected " + std::string{takes}};
}

result<std::size_t> parse_limit(std::string_view text) {
  std::size_t n = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (failure != std::errc{} || end != text.data() + text.size() || n < 1 || n > max_limit)
    return wrong("limit", "a number from 1 to " + std::to_string(max_limit));
  return n;
}

status parse_window(const std::string& text, row_query& query) {
  if (text == "newest" || text == "latest")
    query.window = window_choice::newest;
  else if (text == "open")
    query.window = window_choice::open;
  else if (text == "all")
    query.window = window_choice::all;
  else
    return wrong("window", "newest, open or all");
  return {};
}

status parse_order(std::string_view text, const view_schema& schema, row_query& query) {
  query.descending = !text.empty() && text.front() == '-';
  text.remove_prefix(query.descending ? 1 : 0);
  const auto names = column_names(schema);
  if (std::find(names.begin(), names.end(), text) == names.end()) {
    std::string known;
    for (const auto& name : names)
      known += (known.empty() ? "" : ", ") + name;
    return wrong("order", "a column, with - before it for the largest first; columns: " + known);
  }
  query.order = text;
  return {};
}

bool in_time(const row& r, const row_query& query) {
  return r.window_end > query.from && r.window_start < query.to;
}

/// `where`, for as long as it may take: other readers wait for the same thread.
class row_filter {
public:
  explicit row_filter(const row_query& query) : query_(query) {}

  /// Nothing: it has taken too long.
  [[nodiscard]] std::optional<bool> holds(const row& r) {
    if (!query_.where)
      return true;
    if (clock_.has_worked(query_.patience))
      return std::nullopt;
    ++rows_;
    return query_.where(r);
  }
  [[nodiscard]] error too_long() const {
    return {errc::refused, "where: after " + std::to_string(rows_) + " rows it had taken " +
                               format_config_duration(duration_cast<microseconds>(query_.patience)) +
                               "; make it simpler, or narrow the windows with from and to"};
  }

private:
  const row_query& query_;
  work_clock clock_;
  std::size_t rows_ = 0;
};

/// Every row in its order: the first ones, if no other order is wanted.
result<std::vector<const published_row*>> select_all(const view_snapshot& view, const row_query& query) {
  std::vector<const published_row*> out;
  row_filter where{query};
  const auto most = query.order.empty() ? query.limit : std::numeric_limits<std::size_t>::max();
  for (const auto& block : view.blocks) {
    if (block->rows.back().data->window_end <= query.from)
      continue;
    for (const auto& r : block->rows) {
      if (out.size() == most)
        return out;
      if (r.removed || !in_time(*r.data, query))
        continue;
      const auto holds = where.holds(*r.data);
      if (!holds)
        return where.too_long();
      if (*holds)
        out.push_back(&r);
    }
  }
  return out;
}

/// The newest row of each key.
result<std::vector<const published_row*>> select_newest(const view_snapshot& view, const row_query& query) {
  std::vector<const published_row*> out;
  row_filter where{query};
  const bool open_too = query.window == window_choice::open || view.schema->endless();
  std::unordered_set<std::string_view> seen;
  // Blocks lie in the order of window_end: from the back, the first window of a key is its newest.
  for (auto block = view.blocks.rbegin(); block != view.blocks.rend(); ++block) {
    if ((*block)->rows.back().data->window_end <= query.from)
      break;
    for (auto r = (*block)->rows.rbegin(); r != (*block)->rows.rend(); ++r) {
      if (r->removed || !in_time(*r->data, query))
        continue;
      if ((!open_too && r->data->state == row_state::open) || !seen.insert(r->data->key).second)
        continue;
      const auto holds = where.holds(*r->data);
      if (!holds)
        return where.too_long();
      if (*holds)
        out.push_back(&*r);
    }
  }
  std::reverse(out.begin(), out.end());
  return out;
}

} // namespace

const std::vector<std::string_view>& row_parameters() {
  static const std::vector<std::string_view> all{"where", "from",  "to",      "window", "order",
                                                 "limit", "as_of", "partial", "format"};
  return all;
}

result<event_time> parse_time(std::string_view text) {
  std::int64_t ms = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), ms);
  if (failure == std::errc{} && end == text.data() + text.size()) {
    constexpr std::int64_t most = timestamp_max_seconds * 1000;
    if (ms < -most || ms > most)
      return error{errc::refused, "milliseconds since 1970 out of range"};
    return event_time{std::chrono::milliseconds{ms}};
  }
  const auto time = parse_rfc3339(text);
  if (!time)
    return error{errc::refused, "expected a time like 2015-05-17T10:05:03Z, or milliseconds since 1970"};
  return to_event_time(*time);
}

result<row_query> parse_row_query(const request_target& target, const served_view& view) {
  row_query query;
  for (const auto& [name, text] : target.query) {
    if (name == "where") {
      auto compiled = view.compile_filter(text);
      if (!compiled)
        return compiled.error().in("where");
      query.where = std::move(*compiled);
    } else if (name == "from" || name == "to") {
      const auto time = parse_time(text);
      if (!time)
        return time.error().in(name);
      (name == "from" ? query.from : query.to) = *time;
    } else if (name == "window") {
      TIDEMILL_CHECK(parse_window(text, query));
    } else if (name == "order") {
      TIDEMILL_CHECK(parse_order(text, *view.schema, query));
    } else if (name == "limit") {
      TIDEMILL_TRY(query.limit, parse_limit(text));
    } else if (name == "as_of") {
      if (text != "prefix")
        return wrong(name, "prefix");
      query.prefix = true;
    } else if (name == "partial") {
      if (text != "refuse" && text != "allow")
        return wrong(name, "refuse or allow");
      query.refuse_partial = text == "refuse";
    }
  }
  return query;
}

result<std::vector<const published_row*>> select_rows(const view_snapshot& view, const row_query& query) {
  TIDEMILL_TRY(auto out,
               query.window == window_choice::all ? select_all(view, query) : select_newest(view, query));
  const auto shown = std::min(out.size(), query.limit);
  if (!query.order.empty()) {
    std::vector<std::pair<value, std::size_t>> keys;
    keys.reserve(out.size());
    for (std::size_t i = 0; i < out.size(); ++i)
      keys.emplace_back(cell_of(*view.schema, *out[i]->data, query.order), i);
    const auto before = [&](const auto& a, const auto& b) {
      const int c = compare_for_order(a.first, b.first);
      return c != 0 ? (query.descending ? c > 0 : c < 0) : a.second < b.second;
    };
    std::partial_sort(keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(shown), keys.end(), before);
    std::vector<const published_row*> sorted(shown);
    for (std::size_t i = 0; i < shown; ++i)
      sorted[i] = out[keys[i].second];
    return sorted;
  }
  out.resize(shown);
  return out;
}

value cell_of(const view_schema& schema, const row& r, std::string_view column) {
  if (column == "window_start")
    return value{to_timestamp(r.window_start)};
  if (column == "window_end")
    return value{to_timestamp(r.window_end)};
  if (column == "state")
    return value{to_string(r.state)};
  if (column == "revision")
    return value{static_cast<std::int64_t>(r.revision)};
  for (std::size_t i = 0; i < schema.columns.size() && i < r.columns.size(); ++i)
    if (schema.columns[i].name == column)
      return r.columns[i];
  return {};
}

std::vector<std::string> column_names(const view_schema& schema) {
  std::vector<std::string> names{"window_start", "window_end"};
  for (const auto& column : schema.columns)
    names.push_back(column.name);
  names.insert(names.end(), {"state", "revision"});
  return names;
}

} // namespace tidemill
