#pragma once

#include "pipeline/bucket_table.hpp"
#include "pipeline/piece_writer.hpp"

#include <algorithm>
#include <iterator>
#include <span>
#include <utility>

namespace tidemill {

template <class Values>
class frozen_buckets final : public frozen_part {
  using table = bucket_table<Values>;
  using entry = typename table::entry;

public:
  explicit frozen_buckets(const table& of) : values_(of.values_), entries_(of.size_) {
    for (const auto& [number, b] : of.buckets_)
      buckets_.emplace_back(number, b.blocks);
  }

  std::uint64_t entries() const noexcept override { return entries_; }

  void count(std::span<const offset_range> ranges, std::span<std::uint64_t> counts) const override {
    range_finder find{ranges};
    (void)for_each(ranges, [&](std::int64_t, std::size_t, const entry& e) -> status {
      if (auto in = find(e.changed_at); in != range_finder::outside)
        ++counts[in];
      return {};
    });
  }

  status write(std::string_view heading, std::span<const offset_range> ranges, std::size_t piece_bytes,
               const frozen_state::piece_taker& take) const override {
    range_finder find{ranges};
    piece_writer out{heading, piece_bytes, take};
    std::int64_t open = 0;
    std::size_t next = 0;
    entry before;
    TIDEMILL_CHECK(for_each(ranges, [&](std::int64_t number, std::size_t i, const entry& e) -> status {
      if (find(e.changed_at) == range_finder::outside)
        return {};
      if (number != open)
        out.end();
      out.begin(open = number);
      if (out.fresh()) {
        next = 0;
        before = {};
      }
      auto w = out.entry();
      w.varint(i - next);
      w.fixed(e.key.low);
      w.fixed(e.key.high);
      w.svarint(static_cast<std::int64_t>(e.changed_at - before.changed_at));
      values_.save(e.of, before.of, w);
      next = i + 1;
      before = e;
      return out.done();
    }));
    return out.finish();
  }

private:
  /// Of blocks with changes above the lowest range.
  template <class Each>
  status for_each(std::span<const offset_range> ranges, Each&& each) const {
    if (ranges.empty())
      return {};
    for (const auto& [number, blocks] : buckets_)
      for (std::size_t b = 0; b < blocks.size(); ++b) {
        if (blocks[b]->newest <= ranges.front().after)
          continue;
        const auto& entries = blocks[b]->entries;
        for (std::size_t i = 0; i < entries.size(); ++i)
          TIDEMILL_CHECK(each(number, b * table::block::size + i, entries[i]));
      }
    return {};
  }

  Values values_;
  std::uint64_t entries_;
  std::vector<std::pair<std::int64_t, std::vector<counted<typename table::block>>>> buckets_;
};

template <class Values>
std::size_t bucket_table<Values>::bucket::find(const hash128& key) const noexcept {
  if (index.empty()) {
    for (std::size_t i = 0; i < size; ++i)
      if (at(i).key == key)
        return i;
    return absent;
  }
  const auto mask = index.size() - 1;
  for (auto slot = key.low & mask; index[slot] != 0; slot = (slot + 1) & mask)
    if (((index[slot] ^ key.high) & ~number_bits) == 0)
      if (auto i = (index[slot] & number_bits) - 1; at(i).key == key)
        return i;
  return absent;
}

template <class Values>
auto bucket_table<Values>::bucket::writable(std::size_t i, offset at) -> entry& {
  while (i / block::size >= blocks.size())
    blocks.emplace_back(new block);
  auto& in = blocks[i / block::size];
  if (!in.alone())
    in = counted{new block{*in}};
  if (auto place = i % block::size; place >= in->entries.size())
    in->entries.resize(place + 1);
  auto& e = in->entries[i % block::size];
  e.changed_at = at;
  in->newest = std::max(in->newest, at);
  return e;
}

/// The entry is to be found from now on.
template <class Values>
void bucket_table<Values>::bucket::note(std::size_t i) {
  size = std::max(size, i + 1);
  if (size <= searched)
    return;
  if (size * 4 <= index.size() * 3)
    return put(i);
  index.assign(std::max<std::size_t>(32, index.size() * 2), 0);
  for (std::size_t each = 0; each < size; ++each)
    put(each);
}

template <class Values>
void bucket_table<Values>::bucket::put(std::size_t i) noexcept {
  const auto& key = at(i).key;
  const auto mask = index.size() - 1;
  auto slot = key.low & mask;
  while (index[slot] != 0)
    slot = (slot + 1) & mask;
  index[slot] = (key.high & ~number_bits) | (i + 1);
}

template <class Values>
auto bucket_table<Values>::find(std::int64_t number, const hash128& key) const noexcept -> const entry* {
  auto in = buckets_.find(number);
  if (in == buckets_.end())
    return nullptr;
  auto i = in->second.find(key);
  return i == absent ? nullptr : &in->second.at(i);
}

template <class Values>
auto bucket_table<Values>::change(std::int64_t number, const hash128& key, offset at) -> kept& {
  auto& in = buckets_[number];
  auto i = in.find(key);
  if (i != absent)
    return in.writable(i, at).of;
  i = in.size;
  auto& fresh = in.writable(i, at);
  fresh.key = key;
  in.note(i);
  ++size_;
  return fresh.of;
}

template <class Values>
void bucket_table<Values>::drop_below(std::int64_t number) {
  first_ = std::max(first_, number);
  while (!buckets_.empty() && buckets_.begin()->first < first_) {
    size_ -= buckets_.begin()->second.size;
    buckets_.erase(buckets_.begin());
  }
}

template <class Values>
std::size_t bucket_table<Values>::size(std::int64_t number) const noexcept {
  auto in = buckets_.find(number);
  return in == buckets_.end() ? 0 : in->second.size;
}

template <class Values>
std::unique_ptr<const frozen_part> bucket_table<Values>::freeze() const {
  return std::make_unique<const frozen_buckets<Values>>(*this);
}

template <class Values>
bool bucket_table<Values>::restore(std::string_view sections, std::size_t most) {
  byte_reader in{sections};
  while (!in.at_end()) {
    auto number = in.svarint();
    auto entries = in.text();
    if (!in.ok())
      return false;
    if (number >= first_ && !restore_bucket(buckets_[number], entries, most))
      return false;
  }
  return true;
}

template <class Values>
bool bucket_table<Values>::restore_bucket(bucket& in, std::string_view entries, std::size_t most) {
  byte_reader from{entries};
  entry before;
  for (std::uint64_t number = 0; !from.at_end(); ++number) {
    number += from.varint();
    entry e;
    e.key.low = from.fixed<std::uint64_t>();
    e.key.high = from.fixed<std::uint64_t>();
    e.changed_at = before.changed_at + static_cast<offset>(from.svarint());
    if (!values_.load(e.of, before.of, from) || !from.ok() || e.changed_at == 0 || number >= most)
      return false;
    before = e;
    auto b = number / block::size, place = number % block::size;
    if (b < in.blocks.size() && place < in.blocks[b]->entries.size() &&
        in.blocks[b]->entries[place].changed_at > 0)
      continue; // a newer one has come before
    in.writable(number, e.changed_at) = std::move(e);
    ++in.size;
    ++size_;
  }
  return size_ <= most;
}

template <class Values>
bool bucket_table<Values>::finish_restore() {
  for (auto& [number, b] : buckets_) {
    std::size_t places = 0;
    for (const auto& each : b.blocks)
      places += each->entries.size();
    auto full = [](const counted<block>& each) { return each->entries.size() == block::size; };
    if (b.size == 0 || places != b.size || !std::all_of(b.blocks.begin(), std::prev(b.blocks.end()), full))
      return false;
    auto entries = std::exchange(b.size, 0);
    for (std::size_t i = 0; i < entries; ++i) {
      if (b.find(b.at(i).key) != absent)
        return false;
      b.note(i);
    }
  }
  return true;
}

} // namespace tidemill
