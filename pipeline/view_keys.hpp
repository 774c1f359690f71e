#pragma once

#include "event/hash.hpp"
#include "event/rows.hpp"
#include "pipeline/aggregate.hpp"
#include "pipeline/late_counts.hpp"
#include "pipeline/row_models.hpp"
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
  row_models models;
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

/// Keys by their bytes: open addressing, linear probing. Hashes lie in the table, so that looking for one key
/// touches no other's state; positions are the high bits of hashes, so that it grows in the order of memory.
///
/// Looking for many keys, ask for all their slots ahead, then for what the slots lead to, then for the keys.
class key_set {
public:
  [[nodiscard]] static std::uint64_t hash_of(std::string_view key) noexcept { return hash64(key); }
  /// Fetches the slot of a hash, and what it leads to, into the cache.
  void fetch_slot(std::uint64_t hash) const noexcept;
  void fetch_state(std::uint64_t hash) const noexcept;
  /// Null: it isn't there.
  [[nodiscard]] key_state* find(std::string_view key) const noexcept { return find(key, hash_of(key)); }
  [[nodiscard]] key_state* find(std::string_view key, std::uint64_t hash) const noexcept;
  /// One that isn't there yet. States stay where they are.
  key_state& add(std::string_view key, std::uint64_t hash);
  void remove(const key_state& k);
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  template <class Each>
  void for_each(Each&& each) const {
    for (const auto& s : slots_)
      if (s.state)
        each(*s.state);
  }

private:
  static constexpr unsigned first_bits = 4;
  struct slot {
    std::uint64_t hash = 0;
    std::unique_ptr<key_state> state; // null: free
  };
  [[nodiscard]] std::size_t place_of(std::uint64_t hash) const noexcept { return hash >> shift_; }
  [[nodiscard]] std::size_t next(std::size_t i) const noexcept { return (i + 1) & (slots_.size() - 1); }
  void grow();

  std::vector<slot> slots_ = std::vector<slot>(1u << first_bits); // a power of two
  unsigned shift_ = 64 - first_bits;
  std::size_t size_ = 0;
};

} // namespace tidemill
