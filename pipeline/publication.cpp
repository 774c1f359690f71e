#include "pipeline/publication.hpp"

#include <algorithm>
#include <tuple>

namespace tidemill {
namespace {

auto identity(const row& r) {
  return std::tie(r.window_end, r.window_start, r.key);
}

bool earlier(const row& a, const row& b) {
  return identity(a) < identity(b);
}

/// Rows of `old` with `fresh` put in their places; both in order.
std::vector<published_row> merged(const std::vector<published_row>& old, std::vector<published_row> fresh) {
  std::vector<published_row> all;
  all.reserve(old.size() + fresh.size());
  auto next = fresh.begin();
  for (const auto& o : old) {
    for (; next != fresh.end() && earlier(*next->data, *o.data); ++next)
      all.push_back(std::move(*next));
    if (next != fresh.end() && identity(*next->data) == identity(*o.data))
      all.push_back(std::move(*next++));
    else
      all.push_back(o);
  }
  for (; next != fresh.end(); ++next)
    all.push_back(std::move(*next));
  return all;
}

const published_row* find(const row_block& block, const row& r) {
  auto it = std::ranges::lower_bound(block.rows, r, earlier,
                                     [](const published_row& p) -> const row& { return *p.data; });
  return it != block.rows.end() && identity(*it->data) == identity(r) ? &*it : nullptr;
}

void append_blocks(std::vector<std::shared_ptr<const row_block>>& out, std::vector<published_row> rows) {
  auto pieces = (rows.size() + publication::block_rows - 1) / publication::block_rows;
  for (std::size_t i = 0; i < pieces; ++i) {
    auto block = std::make_shared<row_block>();
    auto from = rows.begin() + static_cast<std::ptrdiff_t>(rows.size() * i / pieces);
    auto to = rows.begin() + static_cast<std::ptrdiff_t>(rows.size() * (i + 1) / pieces);
    block->rows.assign(std::make_move_iterator(from), std::make_move_iterator(to));
    for (const auto& r : block->rows)
      block->changed = std::max(block->changed, r.changed);
    out.push_back(std::move(block));
  }
}

void trim(view_snapshot& next, event_time until) {
  if (until <= next.trimmed)
    return;
  std::vector<std::shared_ptr<const row_block>> kept;
  auto gone = false;
  for (auto& block : next.blocks) {
    if (block->rows.front().data->window_end > until) {
      kept.push_back(std::move(block));
      continue;
    }
    gone = true;
    std::vector<published_row> rest;
    std::ranges::copy_if(block->rows, std::back_inserter(rest),
                         [&](const published_row& r) { return r.data->window_end > until; });
    append_blocks(kept, std::move(rest));
  }
  next.blocks = std::move(kept);
  if (!gone)
    return;
  next.trimmed = until;
  next.trimmed_at = ++next.offset;
}

} // namespace

publication::publication(std::shared_ptr<const view_schema> schema, std::uint64_t epoch,
                         std::size_t partitions) {
  auto first = std::make_shared<view_snapshot>();
  first->schema = std::move(schema);
  first->epoch = epoch;
  first->prefix.resize(partitions);
  current_ = std::move(first);
}

published_row publication::publish(view_snapshot& next, const row_ptr& r) const {
  return {r, ++next.offset, false, std::make_shared<const std::string>(to_json(*next.schema, *r))};
}

void publication::put_rows(view_snapshot& next, std::vector<row_ptr> rows) const {
  std::erase_if(rows, [&](const row_ptr& r) { return r->window_end <= next.trimmed; });
  std::ranges::stable_sort(rows, [](const row_ptr& a, const row_ptr& b) { return earlier(*a, *b); });
  // Of several versions of one row in a tick the last counts.
  std::vector<row_ptr> last;
  for (auto& r : rows)
    if (!last.empty() && identity(*last.back()) == identity(*r))
      last.back() = std::move(r);
    else
      last.push_back(std::move(r));
  std::vector<std::shared_ptr<const row_block>> blocks;
  auto r = last.begin();
  for (std::size_t b = 0; b < next.blocks.size(); ++b) {
    const auto& block = next.blocks[b];
    auto is_last = b + 1 == next.blocks.size();
    std::vector<published_row> fresh;
    for (; r != last.end() && (is_last || earlier(**r, *next.blocks[b + 1]->rows.front().data)); ++r)
      if (const auto* old = find(*block, **r); old == nullptr || old->removed || *old->data != **r)
        fresh.push_back(publish(next, *r));
    if (fresh.empty())
      blocks.push_back(block);
    else
      append_blocks(blocks, merged(block->rows, std::move(fresh)));
  }
  std::vector<published_row> fresh;
  for (; r != last.end(); ++r) // only without any block
    fresh.push_back(publish(next, *r));
  append_blocks(blocks, std::move(fresh));
  next.blocks = std::move(blocks);
}

const snapshot_ptr& publication::apply(const tick& t) {
  auto next = std::make_shared<view_snapshot>(*current_);
  next->watermark = std::max(next->watermark, t.watermark);
  for (std::size_t p = 0; p < t.prefix.size() && p < next->prefix.size(); ++p)
    next->prefix[p] = std::max(next->prefix[p], t.prefix[p]);
  next->partial = t.partial;
  trim(*next, t.trim);
  put_rows(*next, t.put);
  return current_ = std::move(next);
}

const snapshot_ptr& publication::reset(const tick& t) {
  auto next = std::make_shared<view_snapshot>(*current_);
  std::vector<row_ptr> wanted = t.put;
  std::ranges::sort(wanted, [](const row_ptr& a, const row_ptr& b) { return earlier(*a, *b); });
  for (auto& block : next->blocks) {
    auto gone = [&](const published_row& r) {
      return !r.removed &&
             !std::ranges::binary_search(wanted, r.data,
                                         [](const row_ptr& a, const row_ptr& b) { return earlier(*a, *b); });
    };
    if (std::ranges::none_of(block->rows, gone))
      continue;
    auto changed = std::make_shared<row_block>(*block);
    for (auto& r : changed->rows)
      if (gone(r)) {
        r.removed = true;
        r.changed = changed->changed = ++next->offset;
      }
    block = std::move(changed);
  }
  current_ = std::move(next);
  return apply(t);
}

const snapshot_ptr& publication::mark(std::vector<partial_reason> partial) {
  auto next = std::make_shared<view_snapshot>(*current_);
  next->partial = std::move(partial);
  return current_ = std::move(next);
}

} // namespace tidemill
