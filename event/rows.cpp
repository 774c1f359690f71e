#include "event/rows.hpp"

#include "event/row_json.hpp"

#include <algorithm>
#include <charconv>

namespace tidemill {
namespace {

// All rows, for a reader whose position says nothing.
void append_all(const view_snapshot& view, changes& out) {
  for (const auto& block : view.blocks)
    for (const auto& r : block->rows)
      if (!r.removed)
        out.put.push_back(r);
}

void append_changed(const view_snapshot& view, std::uint64_t since, changes& out) {
  for (const auto& block : view.blocks) {
    if (block->changed <= since)
      continue;
    for (const auto& r : block->rows)
      if (r.changed > since)
        (r.removed ? out.removed : out.put).push_back(r);
  }
}

// An endless row has none.
void append_edge(std::string& out, event_time t) {
  if (t == time_min || t == time_max)
    out += "null";
  else
    out += '"' + format_rfc3339(t) + '"';
}

} // namespace

std::string_view to_string(row_state s) noexcept {
  switch (s) {
  case row_state::open:
    return "open";
  case row_state::closed:
    return "closed";
  case row_state::sealed:
    return "sealed";
  }
  return "unknown";
}

std::string to_json(const view_schema& view, const row& r) {
  std::string out;
  out.reserve(128 + 40 * r.columns.size());
  row_json{view}.append(out, r);
  return out;
}

row_json::row_json(const view_schema& view) {
  names_.reserve(view.columns.size());
  for (const auto& c : view.columns) {
    auto& name = names_.emplace_back(",");
    append_json_string(name, c.name);
    name += ':';
  }
}

void row_json::append(std::string& out, const row& r) {
  if (times_.empty() || r.window_start != start_ || r.window_end != end_) {
    start_ = r.window_start;
    end_ = r.window_end;
    times_ = R"({"window_start":)";
    append_edge(times_, start_);
    times_ += R"(,"window_end":)";
    append_edge(times_, end_);
  }
  out += times_;
  for (std::size_t i = 0; i < std::min(names_.size(), r.columns.size()); ++i) {
    out += names_[i];
    append_json(out, r.columns[i]);
  }
  out += R"(,"state":")";
  out += to_string(r.state);
  out += R"(","revision":)";
  char digits[16];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, r.revision).ptr);
  out += '}';
}

changes changes_since(const view_snapshot& view, std::uint64_t epoch, std::uint64_t since) {
  changes out{.epoch = view.epoch, .offset = view.offset, .put = {}, .removed = {}};
  // A position ahead of the publication is none of its own.
  out.recovered = epoch == view.epoch && since >= view.floor && since <= view.offset;
  if (!out.recovered) {
    append_all(view, out);
    return out;
  }
  append_changed(view, since, out);
  auto told = out.put.size() + out.removed.size();
  if (view.trimmed_at > since) {
    out.trim = view.trimmed;
    ++told;
  }
  auto made = view.offset - since;
  out.merged = made > told ? made - told : 0;
  return out;
}

} // namespace tidemill
