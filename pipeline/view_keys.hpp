#pragma once

#include <boost/unordered/unordered_flat_set.hpp>

#include "event/hash.hpp"
#include "event/rows.hpp"
#include "pipeline/aggregate.hpp"
#include "pipeline/late_counts.hpp"
#include "pipeline/model/detector.hpp"
#include "pipeline/slice_list.hpp"
#include "pipeline/unsealed_panes.hpp"
#include "pipeline/window/sliding_fold.hpp"

#include <cstdint>
#include <map>
#include <memory>
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

/// The row of a window that isn't sealed yet, as readers see it.
struct shown_row {
  std::int64_t slice = 0; ///< its window ends with it
  row_ptr row;
};

/// What outlives the slices of a key: only of sliding windows, and of views with scores.
struct key_history {
  sliding_fold sealed;                      ///< slices that windows to come still cover
  std::map<std::int64_t, late_counts> late; ///< of those slices, where there are any
  bool had = false; ///< the last sealed window had events (sliding: a zero row is due)
  std::vector<std::unique_ptr<detector>> models;
  std::int64_t last_row = 0; ///< end slice of the newest sealed row
};

/// What a view knows of one key. There are very many: small, and one piece of memory in the usual case.
struct key_state {
  std::string key; ///< the encoded `by` values
  slice_list<pane_place> unsealed;
  slice_list<shown_row> published;      ///< rows not sealed yet
  std::unique_ptr<key_history> history; ///< null: nothing
  std::uint32_t dirty_at = not_dirty;   ///< for the view: its place among the keys to emit
  bool maybe_unused = false;            ///< among those that `forget_unused` looks at
  static constexpr std::uint32_t not_dirty = 0xffff'ffff;

  [[nodiscard]] bool had() const noexcept { return history && history->had; }
  [[nodiscard]] bool any_sealed() const noexcept { return history && !history->sealed.empty(); }
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
  /// So many keys will be there.
  void reserve(std::size_t keys) { keys_.reserve(keys); }
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
