#include "pipeline/panes.hpp"

#include <boost/unordered/unordered_flat_map.hpp>

#include "event/hash.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

namespace tidemill {

std::uint32_t late_for(const late_counts& counts, std::int64_t beyond) noexcept {
  std::uint32_t n = 0;
  for (const auto& [slices, records] : counts)
    if (slices >= beyond)
      n += records;
  return n;
}

void add_late(late_counts& counts, std::int64_t beyond, std::uint32_t n) {
  auto it = std::ranges::lower_bound(counts, beyond, {}, &late_counts::value_type::first);
  if (it == counts.end() || it->first != beyond)
    it = counts.insert(it, {beyond, 0});
  it->second += n;
}

void save(const late_counts& counts, byte_writer& out) {
  out.varint(counts.size());
  for (const auto& [slices, records] : counts) {
    out.svarint(slices);
    out.varint(records);
  }
}

bool load(late_counts& counts, byte_reader& in) {
  counts.clear();
  for (auto n = in.varint(); n > 0 && in.ok(); --n) {
    auto slices = in.svarint();
    counts.emplace_back(slices, static_cast<std::uint32_t>(in.varint()));
  }
  return in.ok();
}

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

namespace {

struct key_hash {
  using is_transparent = void;
  std::size_t operator()(std::string_view key) const noexcept { return hash64(key); }
};
constexpr std::uint32_t none = 0xffff'ffff;

} // namespace

struct pane_table::key_table {
  struct entry {
    std::string bytes;
    std::uint32_t slices = 0; // that hold a pane of it
  };
  std::vector<entry> entries;
  std::vector<std::uint32_t> unused;
  boost::unordered_flat_map<std::string, std::uint32_t, key_hash, std::equal_to<>> ids;

  std::uint32_t intern(std::string_view key) {
    if (auto it = ids.find(key); it != ids.end())
      return it->second;
    std::uint32_t id;
    if (unused.empty()) {
      id = static_cast<std::uint32_t>(entries.size());
      entries.emplace_back();
    } else {
      id = unused.back();
      unused.pop_back();
    }
    entries[id] = {std::string{key}, 0};
    ids.emplace(std::string{key}, id);
    return id;
  }

  void release(std::uint32_t id) {
    if (--entries[id].slices > 0)
      return;
    ids.erase(entries[id].bytes);
    entries[id].bytes = {};
    unused.push_back(id);
  }
};

struct pane_table::block {
  std::unique_ptr<std::byte[]> states; // room for `room` accumulators, at most block_panes
  std::size_t room = 0;
  std::vector<std::uint32_t> keys;
  std::vector<offset> changed_at;
  std::map<std::uint32_t, late_counts> late; // by pane
  offset newest = 0;                         // the highest `changed_at`
  std::shared_ptr<const std::string> saved;  // of the last snapshot, while nothing changed

  // Grows by doubling up to block_panes: most slices of most views hold few keys. Accumulators move by
  // memcpy.
  void make_room(std::size_t each) {
    if (keys.size() < room)
      return;
    room = std::max<std::size_t>(4, room * 2);
    auto larger = std::make_unique<std::byte[]>(room * each);
    if (!keys.empty())
      std::memcpy(larger.get(), states.get(), keys.size() * each);
    states = std::move(larger);
  }
};

struct pane_table::slice_panes {
  std::vector<std::unique_ptr<block>> blocks;
  std::vector<std::uint32_t> pane_of_key; // by key id; `none`: no pane
  std::size_t panes = 0;
};

pane_table::pane_table(layout_ptr layout)
    : layout_(std::move(layout)), keys_(std::make_unique<key_table>()) {}

pane_table::~pane_table() {
  free_through(std::numeric_limits<std::int64_t>::max());
}

std::uint32_t pane_table::intern(std::string_view key) {
  return keys_->intern(key);
}

std::size_t pane_table::keys() const noexcept {
  return keys_->ids.size();
}

pane_table::place pane_table::find_or_add(std::int64_t slice, std::uint32_t key) {
  if (last_ == nullptr || last_slice_ != slice) {
    auto& owned = slices_[slice];
    if (!owned)
      owned = std::make_unique<slice_panes>();
    last_ = owned.get();
    last_slice_ = slice;
  }
  auto& in = *last_;
  if (key >= in.pane_of_key.size())
    in.pane_of_key.resize(std::max<std::size_t>(key + 1, keys_->entries.size()), none);
  auto& pane = in.pane_of_key[key];
  if (pane == none) {
    pane = static_cast<std::uint32_t>(in.panes++);
    if (pane % block_panes == 0) {
      in.blocks.push_back(std::make_unique<block>());
    }
    auto& b = *in.blocks.back();
    b.make_room(layout_->size());
    layout_->construct(b.states.get() + layout_->size() * b.keys.size());
    b.keys.push_back(key);
    b.changed_at.push_back(0);
    ++keys_->entries[key].slices;
    ++panes_;
  }
  return {in.blocks[pane / block_panes].get(), pane % block_panes};
}

pane_table::place pane_table::touch_one(std::int64_t slice, std::uint32_t key, offset changed_at) {
  auto in = find_or_add(slice, key);
  in.in->changed_at[in.at] = changed_at;
  in.in->newest = std::max(in.in->newest, changed_at);
  in.in->saved.reset();
  return in;
}

void pane_table::touch(std::span<const std::int64_t> slices, std::span<const std::uint32_t> keys,
                       std::span<const offset> changed_at, std::vector<std::byte*>& states) {
  // Two passes: a new pane may move the others of its block.
  places_.clear();
  for (std::size_t i = 0; i < slices.size(); ++i)
    places_.push_back(touch_one(slices[i], keys[i], changed_at[i]));
  states.clear();
  for (const auto& [b, at] : places_)
    states.push_back(b->states.get() + layout_->size() * at);
}

void pane_table::note_late(std::int64_t slice, std::uint32_t key, std::int64_t beyond) {
  auto [b, at] = find_or_add(slice, key);
  add_late(b->late[static_cast<std::uint32_t>(at)], beyond, 1);
}

void pane_table::free_through(std::int64_t through) {
  last_ = nullptr;
  while (!slices_.empty() && slices_.begin()->first <= through) {
    auto& in = *slices_.begin()->second;
    for (auto& b : in.blocks)
      for (std::size_t i = 0; i < b->keys.size(); ++i) {
        layout_->destroy(b->states.get() + layout_->size() * i);
        keys_->release(b->keys[i]);
      }
    panes_ -= in.panes;
    slices_.erase(slices_.begin());
  }
}

std::vector<std::string> pane_table::changed_since(offset since, std::size_t piece_bytes) const {
  std::vector<std::string> pieces;
  std::string state;
  for (const auto& [slice, in] : slices_)
    for (const auto& b : in->blocks) {
      if (b->newest <= since)
        continue;
      for (std::size_t i = 0; i < b->keys.size(); ++i) {
        if (b->changed_at[i] <= since)
          continue;
        state.clear();
        byte_writer w{state};
        layout_->save(b->states.get() + layout_->size() * i, w);
        if (pieces.empty() || pieces.back().size() >= piece_bytes)
          pieces.emplace_back();
        auto late = b->late.find(static_cast<std::uint32_t>(i));
        append_pane(pieces.back(), {slice, keys_->entries[b->keys[i]].bytes,
                                    late == b->late.end() ? late_counts{} : late->second, state});
      }
    }
  return pieces;
}

void pane_table::snapshot(const std::string& prefix, segments& out) {
  std::string state;
  for (const auto& [slice, in] : slices_)
    for (std::size_t n = 0; n < in->blocks.size(); ++n) {
      auto& b = *in->blocks[n];
      if (!b.saved) {
        auto bytes = std::make_shared<std::string>();
        byte_writer w{*bytes};
        w.svarint(slice);
        for (std::size_t i = 0; i < b.keys.size(); ++i) {
          state.clear();
          byte_writer s{state};
          layout_->save(b.states.get() + layout_->size() * i, s);
          w.text(keys_->entries[b.keys[i]].bytes);
          w.varint(b.changed_at[i]);
          auto late = b.late.find(static_cast<std::uint32_t>(i));
          save(late == b.late.end() ? late_counts{} : late->second, w);
          w.text(state);
        }
        b.saved = std::move(bytes);
      }
      out.emplace_back(prefix + std::to_string(slice) + "/" + std::to_string(n), b.saved);
    }
}

bool pane_table::restore(std::string_view segment) {
  byte_reader in{segment};
  auto slice = in.svarint();
  late_counts late;
  while (in.ok() && !in.at_end()) {
    auto key = in.text();
    auto changed_at = in.varint();
    if (!load(late, in))
      return false;
    auto state = in.text();
    if (!in.ok())
      return false;
    auto id = keys_->intern(key);
    auto [b, pane] = touch_one(slice, id, changed_at);
    byte_reader s{state};
    if (!layout_->load(b->states.get() + layout_->size() * pane, s) || !s.at_end())
      return false;
    if (!late.empty())
      b->late[static_cast<std::uint32_t>(pane)] = late;
  }
  return in.ok();
}

} // namespace tidemill
