#include "http/frames.hpp"

#include "http/row_query.hpp"
#include "http/work_clock.hpp"

#include <utility>

namespace tidemill {
namespace {

void append_row_id(std::string& out, const view_schema& schema, const row& r) {
  if (schema.endless())
    out += R"({"window_start":null,"window_end":null)";
  else
    out += "{\"window_start\":\"" + format_rfc3339(r.window_start) + "\",\"window_end\":\"" +
           format_rfc3339(r.window_end) + "\"";
  for (std::size_t i = 0; i < schema.by && i < r.columns.size(); ++i) {
    out.push_back(',');
    append_json_string(out, schema.columns[i].name);
    out.push_back(':');
    append_json(out, r.columns[i]);
  }
  out.push_back('}');
}

struct row_lists {
  std::string put, removed;
};

/// Walks on from the delivery's place, until the lists are long enough or it is the turn of others; true if
/// it came to the end.
template <class Enough>
bool collect(delivery& d, const row_predicate& where, Enough enough, row_lists& out) {
  const auto& view = *d.to;
  for (; d.block < view.blocks.size(); ++d.block, d.row = 0) {
    const auto& block = *view.blocks[d.block];
    if (!d.snapshot && block.changed <= d.from)
      continue;
    for (; d.row < block.rows.size(); ++d.row) {
      const auto& r = block.rows[d.row];
      if (d.snapshot ? r.removed : r.changed <= d.from)
        continue;
      if (enough(out))
        return false;
      ++d.told;
      const bool shown = !r.removed && (!where || where(*r.data));
      if (!shown && d.snapshot)
        continue;
      auto& list = shown ? out.put : out.removed;
      if (!list.empty())
        list.push_back(',');
      if (shown)
        append_row(list, *view.schema, r);
      else
        append_row_id(list, *view.schema, *r.data);
    }
  }
  return true;
}

} // namespace

bool resumable(const view_snapshot& view, std::uint64_t epoch, std::uint64_t position) noexcept {
  return epoch == view.epoch && position >= view.floor && position <= view.offset;
}

delivery deliver(snapshot_ptr to, std::uint64_t epoch, std::uint64_t position) {
  if (!resumable(*to, epoch, position))
    return deliver_snapshot(std::move(to));
  return {.to = std::move(to), .from = position};
}

delivery deliver_snapshot(snapshot_ptr to) {
  return {.to = std::move(to), .snapshot = true};
}

frame encode_frame(const delivery& d, const row_predicate& where, std::size_t limit,
                   std::chrono::nanoseconds turn) {
  frame f{.body = {}, .rest = d};
  row_lists rows;
  const bool first = d.block == 0 && d.row == 0;
  const work_clock clock;
  auto looked_at = false;
  const auto enough = [&](const row_lists& lists) {
    const auto long_enough = lists.put.size() + lists.removed.size() >= limit;
    return long_enough || (where && std::exchange(looked_at, true) && clock.has_worked(turn));
  };
  f.last = collect(f.rest, where, enough, rows);
  if (where)
    f.cost = clock.worked();
  const auto& view = *d.to;
  auto& out = f.body;
  out.reserve(rows.put.size() + rows.removed.size() + 256);
  out = "\"epoch\":" + std::to_string(view.epoch) +
        ",\"offset\":" + std::to_string(f.last ? view.offset : d.from);
  if (d.snapshot && first)
    out += ",\"snapshot\":true";
  const bool trims = !d.snapshot && view.trimmed_at > d.from;
  if (trims && first) {
    out += ",\"trim\":";
    append_time(out, view.trimmed);
  }
  if (!rows.put.empty())
    out += ",\"put\":[" + rows.put + "]";
  if (!rows.removed.empty())
    out += ",\"remove\":[" + rows.removed + "]";
  if (!f.last) {
    out += ",\"more\":true}";
    return f;
  }
  if (const auto told = f.rest.told + (trims ? 1 : 0); !d.snapshot && view.offset - d.from > told) {
    f.merged = view.offset - d.from - told;
    out += ",\"merged\":" + std::to_string(f.merged);
  }
  out += ",\"watermark\":";
  append_time(out, view.watermark);
  out += ",\"partial\":";
  append_partial(out, view.partial);
  out.push_back('}');
  return f;
}

} // namespace tidemill
