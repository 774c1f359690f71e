#pragma once

#include "event/bytes.hpp"
#include "event/ids.hpp"
#include "pipeline/plan.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tidemill {

/// How many records came after the watermark of their partition had passed a window's end: pairs of (slices
/// beyond the pane's own end, records), ascending. What `row::revision` is summed from; nearly always empty.
using late_counts = std::vector<std::pair<std::int64_t, std::uint32_t>>;
/// Records of `counts` that are late for a window ending `beyond` slices after the pane's own.
[[nodiscard]] std::uint32_t late_for(const late_counts& counts, std::int64_t beyond) noexcept;
void add_late(late_counts& counts, std::int64_t beyond, std::uint32_t n);
void save(const late_counts& counts, byte_writer& out);
[[nodiscard]] bool load(late_counts& counts, byte_reader& in);

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
/// the order of their first event, in blocks of 1024: that order, and so the stored form, depends on the
/// records alone. Every pane carries `changed_at`, the offset after its last change.
class pane_table {
public:
  static constexpr std::size_t block_panes = 1024;

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
  void note_late(std::int64_t slice, std::uint32_t key, std::int64_t beyond);

  /// Forgets slices ≤ `through`, and keys that no slice holds any more.
  void free_through(std::int64_t through);
  [[nodiscard]] std::size_t panes() const noexcept { return panes_; }
  [[nodiscard]] std::size_t keys() const noexcept;

  /// Panes with `changed_at > since`, in the order of slices, as pieces of at most about `piece_bytes`.
  [[nodiscard]] std::vector<std::string> changed_since(offset since, std::size_t piece_bytes) const;

  /// Stored form: a segment for each block, reused while the block is unchanged.
  using segments = std::vector<std::pair<std::string, std::shared_ptr<const std::string>>>;
  void snapshot(const std::string& prefix, segments& out);
  /// Takes one segment back; false if it is damaged. Segments come in the order of `snapshot`.
  [[nodiscard]] bool restore(std::string_view segment);

private:
  struct block;
  struct slice_panes;
  struct key_table;
  struct place {
    block* in;
    std::size_t at;
  };
  place find_or_add(std::int64_t slice, std::uint32_t key);
  place touch_one(std::int64_t slice, std::uint32_t key, offset changed_at);

  layout_ptr layout_;
  std::unique_ptr<key_table> keys_;
  std::map<std::int64_t, std::unique_ptr<slice_panes>> slices_;
  slice_panes* last_ = nullptr; // events come mostly into one slice
  std::int64_t last_slice_ = 0;
  std::size_t panes_ = 0;
  std::vector<place> places_; // scratch
};

} // namespace tidemill
