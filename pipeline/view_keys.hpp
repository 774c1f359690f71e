#pragma once

#include <boost/unordered/unordered_flat_set.hpp>

#include "event/hash.hpp"
#include "event/rows.hpp"
#include "pipeline/aggregate.hpp"
#include "pipeline/late_counts.hpp"
#include "pipeline/model/detector.hpp"
#include "pipeline/unsealed_panes.hpp"
#include "pipeline/window/sliding_fold.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tidemill {

/// Where a key's panes in an unsealed slice are.
struct pane_place {
  std::int64_t slice = 0;
  unsealed_panes* in = nullptr;
  std::uint32_t cell = 0;
};

/// Such places by slice, ascending. Slices come mostly at the end and go at the front.
class pane_places {
public:
  [[nodiscard]] bool empty() const noexcept { return from_ == all_.size(); }
  [[nodiscard]] const pane_place& front() const { return all_[from_]; }
  [[nodiscard]] const pane_place& back() const { return all_.back(); }
  /// The places of slices ≥ `first`.
  [[nodiscard]] std::span<const pane_place> since(std::int64_t first) const {
    auto all = std::span{all_}.subspan(from_);
    if (all.empty() || all.front().slice >= first)
      return all;
    auto skipped = std::ranges::lower_bound(all, first, {}, &pane_place::slice) - all.begin();
    return all.subspan(static_cast<std::size_t>(skipped));
  }
  /// Null: there is none of this slice.
  [[nodiscard]] const pane_place* find(std::int64_t slice) const {
    if (!empty() && back().slice < slice)
      return nullptr;
    auto rest = since(slice);
    return rest.empty() || rest.front().slice != slice ? nullptr : rest.data();
  }
  /// Of a slice that isn't there.
  const pane_place& add(const pane_place& p) {
    auto before = all_.size() - (empty() || back().slice < p.slice ? 0 : since(p.slice).size());
    return *all_.insert(all_.begin() + static_cast<std::ptrdiff_t>(before), p);
  }
  void pop_front() {
    // What is gone is moved over only when it is half of all.
    if (++from_ * 2 < all_.size())
      return;
    all_.erase(all_.begin(), all_.begin() + static_cast<std::ptrdiff_t>(from_));
    from_ = 0;
  }

private:
  std::vector<pane_place> all_;
  std::size_t from_ = 0; // those before it are gone
};

/// What a view knows of one key.
struct key_state {
  std::string key;
  std::vector<value> by; ///< decoded
  pane_places unsealed;
  sliding_fold sealed;                      ///< slices that windows to come still cover
  std::map<std::int64_t, late_counts> late; ///< of those slices, where there are any
  bool had = false; ///< the last sealed window had events (sliding: a zero row is due)
  std::vector<std::unique_ptr<detector>> models;
  std::map<std::int64_t, row_ptr> published; ///< rows not sealed yet, by the slice their window ends with
  std::int64_t last_row = 0;                 ///< end slice of the newest sealed row
  bool maybe_unused = false;                 ///< among those that `forget_unused` looks at
  std::size_t dirty_at = not_dirty;          ///< for the view: its place among the keys to emit
  static constexpr std::size_t not_dirty = static_cast<std::size_t>(-1);
};

/// Keys in the order of their bytes: the order of rows within a window.
struct key_order {
  bool operator()(const key_state* a, const key_state* b) const noexcept { return a->key < b->key; }
};

/// Keys by their bytes. Hashes lie in the table: looking for one key touches no other's state.
class key_set {
public:
  [[nodiscard]] key_state* find(std::string_view key) const {
    auto it = keys_.find(sought{hash64(key), key});
    return it == keys_.end() ? nullptr : it->state.get();
  }
  /// One that isn't there yet.
  key_state& add(std::unique_ptr<key_state> fresh) {
    auto hash = hash64(fresh->key);
    return *keys_.emplace(entry{hash, std::move(fresh)}).first->state;
  }
  void remove(const key_state& k) { keys_.erase(keys_.find(sought{hash64(k.key), k.key})); }
  [[nodiscard]] std::size_t size() const noexcept { return keys_.size(); }
  template <class Each>
  void for_each(Each&& each) const {
    for (const auto& e : keys_)
      each(*e.state);
  }

private:
  struct sought {
    std::uint64_t hash;
    std::string_view key;
  };
  struct entry {
    std::uint64_t hash;
    std::unique_ptr<key_state> state;
  };
  struct hash_of {
    using is_transparent = void;
    using is_avalanching = void;
    std::size_t operator()(const sought& s) const noexcept { return s.hash; }
    std::size_t operator()(const entry& e) const noexcept { return e.hash; }
  };
  struct same {
    using is_transparent = void;
    bool operator()(const entry& a, const entry& b) const noexcept {
      return a.hash == b.hash && a.state->key == b.state->key;
    }
    bool operator()(const sought& a, const entry& b) const noexcept {
      return a.hash == b.hash && a.key == b.state->key;
    }
    bool operator()(const entry& a, const sought& b) const noexcept { return (*this)(b, a); }
  };
  boost::unordered_flat_set<entry, hash_of, same> keys_;
};

} // namespace tidemill
