#include "pipeline/publication.hpp"

#include "event/row_json.hpp"

#include <algorithm>
#include <optional>
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
  if (earlier(*block.rows.back().data, r))
    return nullptr;
  auto it = std::ranges::lower_bound(block.rows, r, earlier,
                                     [](const published_row& p) -> const row& { return *p.data; });
  return it != block.rows.end() && identity(*it->data) == identity(r) ? &*it : nullptr;
}

/// A row's place in the order, as far as it can be told without looking at the row.
struct sort_key {
  event_time end, start;
  std::uint64_t head; // eight bytes of the key, behind those that all keys have in common
  const row_ptr* of;
};

std::uint64_t eight_bytes(std::string_view key) {
  std::uint64_t head = 0;
  for (std::size_t i = 0; i < 8; ++i)
    head = head << 8 | (i < key.size() ? static_cast<unsigned char>(key[i]) : 0u);
  return head;
}

/// The rows whose windows ended after `trimmed`, in order; of several versions of a row the last one.
///
/// The rows of a whole view lie all over the memory: each is looked at as seldom as possible.
std::vector<const row_ptr*> in_order(std::span<const row_ptr> rows, event_time trimmed) {
  std::vector<const row_ptr*> out;
  out.reserve(rows.size());
  auto ordered = true;
  auto common = std::string_view::npos;
  for (const auto& r : rows) {
    if (r->window_end <= trimmed)
      continue;
    if (!out.empty()) {
      const auto& before = **out.back();
      ordered = ordered && earlier(before, *r);
      auto both = std::min({common, before.key.size(), r->key.size()});
      common = static_cast<std::size_t>(std::mismatch(r->key.begin(),
                                                      r->key.begin() + static_cast<std::ptrdiff_t>(both),
                                                      before.key.begin())
                                            .first -
                                        r->key.begin());
    }
    out.push_back(&r);
  }
  if (ordered)
    return out;
  std::vector<sort_key> keys;
  keys.reserve(out.size());
  for (const auto* r : out)
    keys.push_back(
        {(*r)->window_end, (*r)->window_start, eight_bytes(std::string_view{(*r)->key}.substr(common)), r});
  std::ranges::sort(keys, [](const sort_key& a, const sort_key& b) {
    if (auto known = std::tie(a.end, a.start, a.head) <=> std::tie(b.end, b.start, b.head); known != 0)
      return known < 0;
    auto by_key = (*a.of)->key.compare((*b.of)->key);
    return by_key != 0 ? by_key < 0 : a.of < b.of;
  });
  out.clear();
  for (const auto& k : keys)
    if (!out.empty() && identity(**out.back()) == identity(**k.of))
      out.back() = k.of;
    else
      out.push_back(k.of);
  return out;
}

/// Blocks of `count` rows; `next()` gives one after the other.
template <class Next>
void append_blocks(std::vector<std::shared_ptr<const row_block>>& out, std::size_t count, Next next) {
  auto pieces = (count + publication::block_rows - 1) / publication::block_rows;
  for (std::size_t i = 0; i < pieces; ++i) {
    auto block = std::make_shared<row_block>();
    block->rows.resize(count * (i + 1) / pieces - count * i / pieces);
    for (auto& r : block->rows) {
      r = next();
      block->changed = std::max(block->changed, r.changed);
    }
    out.push_back(std::move(block));
  }
}

void append_blocks(std::vector<std::shared_ptr<const row_block>>& out, std::vector<published_row> rows) {
  append_blocks(out, rows.size(), [at = rows.begin()]() mutable { return std::move(*at++); });
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

void publication::put_rows(view_snapshot& next, std::span<const row_ptr> rows) const {
  auto order = in_order(rows, next.trimmed);
  std::optional<row_json> json;
  if (order.size() <= most_made_ahead)
    json.emplace(*next.schema);
  auto publish = [&](const row_ptr& r) {
    published_row p{r, ++next.offset, false, nullptr};
    if (json) {
      std::string text;
      json->append(text, *r);
      p.json = std::make_shared<const std::string>(std::move(text));
    }
    return p;
  };
  // Rows behind all others make blocks of their own, unless they are few.
  auto behind = order.begin();
  if (!next.blocks.empty())
    behind = std::ranges::upper_bound(order, *next.blocks.back()->rows.back().data, earlier,
                                      [](const row_ptr* r) -> const row& { return **r; });
  if (!next.blocks.empty() && static_cast<std::size_t>(order.end() - behind) < block_rows)
    behind = order.end();
  std::vector<std::shared_ptr<const row_block>> blocks;
  auto r = order.begin();
  for (std::size_t b = 0; b < next.blocks.size(); ++b) {
    const auto& block = next.blocks[b];
    auto is_last = b + 1 == next.blocks.size();
    std::vector<published_row> fresh;
    for (; r != behind && (is_last || earlier(***r, *next.blocks[b + 1]->rows.front().data)); ++r)
      if (const auto* old = find(*block, ***r); old == nullptr || old->removed || *old->data != ***r)
        fresh.push_back(publish(**r));
    if (fresh.empty())
      blocks.push_back(block);
    else
      append_blocks(blocks, merged(block->rows, std::move(fresh)));
  }
  append_blocks(blocks, static_cast<std::size_t>(order.end() - behind), [&] { return publish(**behind++); });
  next.blocks = std::move(blocks);
}

void publication::remove_rows(view_snapshot& next, std::span<const row_ptr> rows) {
  auto order = in_order(rows, next.trimmed);
  auto r = order.begin();
  for (std::size_t b = 0; b < next.blocks.size() && r != order.end(); ++b) {
    std::shared_ptr<row_block> changed;
    auto is_last = b + 1 == next.blocks.size();
    for (; r != order.end() && (is_last || earlier(***r, *next.blocks[b + 1]->rows.front().data)); ++r) {
      const auto& block = changed ? *changed : *next.blocks[b];
      const auto* known = find(block, ***r);
      if (known == nullptr || known->removed)
        continue;
      auto at = static_cast<std::size_t>(known - block.rows.data());
      if (!changed)
        changed = std::make_shared<row_block>(*next.blocks[b]);
      auto& gone = changed->rows[at];
      gone.removed = true;
      gone.json = nullptr;
      gone.changed = changed->changed = ++next.offset;
      ++gravestones_;
    }
    if (changed)
      next.blocks[b] = std::move(changed);
  }
  forget_gravestones(next);
}

void publication::forget_gravestones(view_snapshot& next) {
  if (gravestones_ < least_gravestones)
    return;
  std::vector<std::uint64_t> all;
  std::size_t rows = 0;
  for (const auto& block : next.blocks)
    for (const auto& r : block->rows)
      if (r.removed)
        all.push_back(r.changed);
      else
        ++rows;
  gravestones_ = all.size();
  if (gravestones_ < least_gravestones + rows)
    return;
  auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
  std::ranges::nth_element(all, middle);
  next.floor = std::max(next.floor, *middle);
  std::vector<std::shared_ptr<const row_block>> blocks;
  for (const auto& block : next.blocks) {
    std::vector<published_row> kept;
    std::ranges::copy_if(block->rows, std::back_inserter(kept),
                         [&](const published_row& r) { return !r.removed || r.changed > next.floor; });
    if (kept.size() == block->rows.size())
      blocks.push_back(block);
    else
      append_blocks(blocks, std::move(kept));
  }
  next.blocks = std::move(blocks);
  gravestones_ -= std::min(gravestones_, all.size() / 2 + 1);
}

const snapshot_ptr& publication::apply(const tick& t) {
  auto next = std::make_shared<view_snapshot>(*current_);
  next->watermark = std::max(next->watermark, t.watermark);
  for (std::size_t p = 0; p < t.prefix.size() && p < next->prefix.size(); ++p)
    next->prefix[p] = std::max(next->prefix[p], t.prefix[p]);
  next->partial = t.partial;
  trim(*next, t.trim);
  remove_rows(*next, t.remove);
  put_rows(*next, t.put);
  return current_ = std::move(next);
}

const snapshot_ptr& publication::reset(const tick& t) {
  auto next = std::make_shared<view_snapshot>(*current_);
  std::vector<row_ptr> wanted{t.put.begin(), t.put.end()};
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
        ++gravestones_;
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
