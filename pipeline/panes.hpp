#pragma once

#include "event/bytes.hpp"
#include "event/ids.hpp"
#include "pipeline/frozen_panes.hpp"
#include "pipeline/late_counts.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// A pane on the wire: always whole, never a delta.
struct pane_image {
  std::int64_t slice = 0;
  std::string_view key;
  late_counts late;
  std::string_view state; ///< of the view's layout
};
void append_pane(std::string& out, const pane_image& p);
/// Calls `each` for every pane; false if the bytes are damaged.
[[nodiscard]] bool for_each_pane(std::string_view bytes, const std::function<bool(const pane_image&)>& each);

/// What one partition knows of the keys of one view, by slice.
///
/// Keys are interned to dense ids that are reclaimed when no slice holds them. A slice keeps its panes in
/// the order of their first event: that order, and so the stored form, depends on the records alone. Every
/// pane carries `changed_at`, the offset after its last change.
///
/// `freeze` costs a pointer for about a thousand panes; after it, a change copies the chunk it is in as long
/// as the frozen state is alive.
class pane_table {
public:
  explicit pane_table(layout_ptr layout);
  ~pane_table();
  pane_table(const pane_table&) = delete;
  pane_table& operator=(const pane_table&) = delete;

  /// The id of a key; valid until the next `free_through`, unless the key gets a pane before it.
  [[nodiscard]] std::uint32_t intern(std::string_view key);
  /// The states of keys in slices, constructed at first use and marked changed; row i is (slices[i], keys[i],
  /// changed_at[i]). `states` stays valid until the next call of a member that isn't const.
  void touch(std::span<const std::int64_t> slices, std::span<const std::uint32_t> keys,
             std::span<const offset> changed_at, std::vector<std::byte*>& states);
  /// Of a pane that was touched for the same record.
  void note_late(std::int64_t slice, std::uint32_t key, std::int64_t beyond);

  /// Forgets slices ≤ `through`, and keys that no slice holds any more.
  void free_through(std::int64_t through);
  [[nodiscard]] std::size_t panes() const noexcept { return panes_; }
  [[nodiscard]] std::size_t keys() const noexcept;

  /// Panes with `changed_at > since`, in the order of slices, as pieces of at most about `piece_bytes`.
  [[nodiscard]] std::vector<std::string> changed_since(offset since, std::size_t piece_bytes) const;

  /// What it is now, for any thread.
  [[nodiscard]] std::unique_ptr<const frozen_panes> freeze() const;
  /// Takes back what `frozen_panes` wrote, into a table that had nothing else; of a pane that comes twice the
  /// first one counts. Slices ≤ `freed` are passed over. False: the bytes are damaged.
  [[nodiscard]] bool restore(std::string_view sections, std::int64_t freed);
  /// After the last `restore`, before anything else. False: not every pane has come that others were numbered
  /// after, or one key has come as two.
  [[nodiscard]] bool finish_restore();

private:
  struct slice_panes;
  slice_panes& at(std::int64_t slice);
  std::size_t find_or_add(slice_panes& in, std::uint32_t key);
  bool restore_slice(slice_panes& in, byte_reader panes);

  layout_ptr layout_;
  std::unique_ptr<key_table> keys_;
  std::map<std::int64_t, std::unique_ptr<slice_panes>> slices_;
  slice_panes* last_ = nullptr; // events come mostly into one slice
  std::int64_t last_slice_ = 0;
  std::size_t panes_ = 0;
  std::vector<slice_blocks::place> places_; // scratch
};

} // namespace tidemill
