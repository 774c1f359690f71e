#include "pipeline/panes.hpp"

#include "pipeline/key_table.hpp"
#include "pipeline/pane_index.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace tidemill {

void append_pane(std::string& out, const pane_image& p) {
  byte_writer w{out};
  w.svarint(p.slice);
  w.text(p.key);
  save(p.late, w);
  w.text(p.state);
}

bool for_each_pane(std::string_view bytes, const std::function<bool(const pane_image&)>& each) {
  byte_reader in{bytes};
  while (!in.at_end()) {
    pane_image p;
    p.slice = in.svarint();
    p.key = in.text();
    if (!load(p.late, in))
      return false;
    p.state = in.text();
    if (!in.ok() || !each(p))
      return false;
  }
  return in.ok();
}

struct pane_table::slice_panes {
  explicit slice_panes(const accumulator_layout& layout) : blocks(layout) {}

  slice_blocks blocks;
  pane_index pane_of_key;
  // While it is restored: keys by pane, and how many panes have come.
  std::vector<std::unique_ptr<key_pages::page>> restored_keys;
  std::size_t filled = 0;
};

namespace {

constexpr std::uint64_t most_panes = 1u << 30; // that a checkpoint may speak of, in a slice of one partition

} // namespace

pane_table::pane_table(layout_ptr layout)
    : layout_(std::move(layout)), keys_(std::make_unique<key_table>()) {}

pane_table::~pane_table() = default;

std::uint32_t pane_table::intern(std::string_view key) {
  return keys_->intern(key);
}

std::size_t pane_table::keys() const noexcept {
  return keys_->size();
}

pane_table::slice_panes& pane_table::at(std::int64_t slice) {
  if (last_ == nullptr || last_slice_ != slice) {
    auto& owned = slices_[slice];
    if (!owned)
      owned = std::make_unique<slice_panes>(*layout_);
    last_ = owned.get();
    last_slice_ = slice;
  }
  return *last_;
}

std::size_t pane_table::find_or_add(slice_panes& in, std::uint32_t key) {
  auto pane = in.pane_of_key.find(key);
  if (pane == pane_index::none) {
    pane = static_cast<std::uint32_t>(in.blocks.panes());
    auto added = in.blocks.writable(pane);
    added.in->key(added.at) = key;
    in.pane_of_key.add(key, pane, keys_->ids());
    keys_->retain(key);
    ++panes_;
  }
  return pane;
}

void pane_table::touch(std::span<const std::int64_t> slices, std::span<const std::uint32_t> keys,
                       std::span<const offset> changed_at, std::vector<std::byte*>& states) {
  // Two passes: a new pane may move the others of its chunk. The chunk itself stays, once it is ours.
  places_.clear();
  for (std::size_t i = 0; i < slices.size(); ++i) {
    auto& in = at(slices[i]);
    places_.push_back(in.blocks.change(find_or_add(in, keys[i]), changed_at[i]));
  }
  states.clear();
  for (const auto& [chunk, i] : places_)
    states.push_back(chunk->state(i));
}

void pane_table::note_late(std::int64_t slice, std::uint32_t key, std::int64_t beyond) {
  auto& in = at(slice);
  auto found = in.blocks.writable(find_or_add(in, key));
  add_late(found.in->late(found.at), beyond, 1);
}

void pane_table::free_through(std::int64_t through) {
  last_ = nullptr;
  while (!slices_.empty() && slices_.begin()->first <= through) {
    const auto& blocks = slices_.begin()->second->blocks;
    blocks.for_each_chunk(0, [&](const pane_chunk& chunk, std::size_t) {
      for (std::size_t i = 0; i < chunk.panes(); ++i)
        if (chunk.changed_at(i) > 0) {
          keys_->release(chunk.key(i));
          --panes_;
        }
    });
    slices_.erase(slices_.begin());
  }
}

std::vector<std::string> pane_table::changed_since(offset since, std::size_t piece_bytes) const {
  std::vector<std::string> pieces;
  std::string state;
  for (const auto& in_slice : slices_)
    in_slice.second->blocks.for_each_chunk(since, [&](const pane_chunk& chunk, std::size_t) {
      for (std::size_t i = 0; i < chunk.panes(); ++i) {
        if (chunk.changed_at(i) <= since)
          continue;
        state.clear();
        byte_writer w{state};
        layout_->save(chunk.state(i), w);
        if (pieces.empty() || pieces.back().size() >= piece_bytes)
          pieces.emplace_back();
        append_pane(pieces.back(), {in_slice.first, keys_->at(chunk.key(i)), chunk.late(i), state});
      }
    });
  return pieces;
}

std::unique_ptr<const frozen_panes> pane_table::freeze() const {
  std::vector<frozen_panes::slice> slices;
  for (const auto& [number, in] : slices_)
    slices.push_back({number, in->blocks});
  return std::make_unique<const frozen_panes>(layout_, std::make_unique<const key_reader>(*keys_),
                                              std::move(slices));
}

bool pane_table::restore(std::string_view sections, std::int64_t freed) {
  byte_reader in{sections};
  while (!in.at_end()) {
    auto slice = in.svarint();
    auto panes = in.text();
    if (!in.ok() || (slice > freed && !restore_slice(at(slice), byte_reader{panes})))
      return false;
  }
  return in.ok();
}

bool pane_table::restore_slice(slice_panes& in, byte_reader panes) {
  late_counts late;
  std::uint64_t number = 0;
  offset changed_at = 0;
  for (; !panes.at_end(); ++number) {
    number += panes.varint();
    auto key = panes.text();
    changed_at += static_cast<offset>(panes.svarint());
    if (!load(late, panes))
      return false;
    byte_reader state{panes.text()};
    if (!panes.ok() || changed_at == 0 || number >= most_panes)
      return false;
    auto found = in.blocks.writable(number);
    if (found.in->changed_at(found.at) > 0)
      continue; // a newer one has come before
    in.blocks.change(number, changed_at);
    auto page = number / key_pages::keys;
    if (page >= in.restored_keys.size())
      in.restored_keys.resize(page + 1);
    if (!in.restored_keys[page])
      in.restored_keys[page] = std::make_unique<key_pages::page>();
    (*in.restored_keys[page])[number % key_pages::keys] = key;
    ++in.filled;
    ++panes_;
    if (!layout_->load(found.in->state(found.at), state) || !state.at_end())
      return false;
    if (!late.empty())
      found.in->late(found.at) = late;
  }
  return panes.ok();
}

/// Keys get their ids in the order of the panes, as if their events had come again: panes come in the order
/// of what was saved last, which would scatter the keys over the memory.
bool pane_table::finish_restore() {
  for (auto& [slice, in] : slices_) {
    auto pages = std::exchange(in->restored_keys, {});
    if (std::exchange(in->filled, 0) != in->blocks.panes())
      return false;
    keys_->reserve(in->blocks.panes());
    for (std::size_t pane = 0; pane < in->blocks.panes(); ++pane) {
      auto& page = pages[pane / key_pages::keys];
      auto id = keys_->intern((*page)[pane % key_pages::keys]);
      keys_->retain(id);
      if (in->pane_of_key.find(id) != pane_index::none)
        return false;
      in->pane_of_key.add(id, static_cast<std::uint32_t>(pane), keys_->ids());
      auto found = in->blocks.writable(pane);
      found.in->key(found.at) = id;
      if ((pane + 1) % key_pages::keys == 0)
        page = nullptr;
    }
  }
  return true;
}

} // namespace tidemill
