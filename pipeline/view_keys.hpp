#pragma once

#include "event/rows.hpp"
#include "pipeline/aggregate.hpp"
#include "pipeline/late_counts.hpp"
#include "pipeline/row_models.hpp"
#include "pipeline/slice_list.hpp"
#include "pipeline/unsealed_slices.hpp"
#include "pipeline/window/sliding_fold.hpp"

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace tidemill {

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
  /// Sliding: windows to come have a row of it even if there are no more events.
  [[nodiscard]] bool live() const noexcept { return had() || any_sealed(); }
  [[nodiscard]] bool any_sealed() const noexcept { return history && !history->sealed.empty(); }
};

/// Calls `each(key_state&)` for keys that lie all over the memory: those that come next are fetched ahead.
template <class Each>
void for_each_key(std::span<key_state* const> keys, Each each) {
  constexpr std::size_t far = 16, near = 8;
  const auto fetch = []<class T>(const T* at) {
    for (std::size_t line = 0; line < sizeof(T); line += 64)
      __builtin_prefetch(reinterpret_cast<const char*>(at) + line);
  };
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (i + far < keys.size())
      fetch(keys[i + far]);
    if (i + near < keys.size() && keys[i + near]->history)
      fetch(keys[i + near]->history.get());
    each(*keys[i]);
  }
}

/// A key in the window that ends with a slice. Ordered by key, in no order that means anything, then by
/// window.
struct key_window {
  key_state* key = nullptr;
  std::int64_t end = 0;
  friend bool operator==(const key_window&, const key_window&) = default;
  friend auto operator<=>(const key_window& a, const key_window& b) noexcept {
    const auto by_key = std::compare_three_way{}(a.key, b.key);
    return by_key != 0 ? by_key : a.end <=> b.end;
  }
};

/// Keys in the order of their bytes: the order of rows within a window.
struct key_order {
  bool operator()(const key_state* a, const key_state* b) const noexcept { return a->key < b->key; }
};

} // namespace tidemill
