#include "event/rows.hpp"

#include <algorithm>

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
  out += R"({"window_start":)";
  append_edge(out, r.window_start);
  out += R"(,"window_end":)";
  append_edge(out, r.window_end);
  out += ',';
  for (std::size_t i = 0; i < std::min(view.columns.size(), r.columns.size()); ++i) {
    append_json_string(out, view.columns[i].name);
    out += ':';
    append_json(out, r.columns[i]);
    out += ',';
  }
  out += R"("state":")";
  out += to_string(r.state);
  out += R"(","revision":)";
  out += std::to_string(r.revision);
  out += '}';
  return out;
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
