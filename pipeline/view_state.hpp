#pragma once

#include "event/rows.hpp"
#include "pipeline/key_set.hpp"
#include "pipeline/link.hpp"
#include "pipeline/plan.hpp"
#include "pipeline/view_keys.hpp"
#include "pipeline/view_log_frame.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tidemill {

/// The state of a view and the arithmetic on it; `view` decides when what happens.
class view_state {
public:
  view_state(const view_plan& what, std::size_t partitions);

  std::int64_t sealed_through = nothing_sealed;
  /// As far as the log tells: `frame.through` is the last slice that had anything to seal, which workers may
  /// forget.
  view_log_frame frame;

  /// Replaces the pane of (slice, key, partition); `hash` of the key. Null: the bytes are damaged.
  [[nodiscard]] key_state* replace(const pane_image& pane, std::uint64_t hash, partition_id from);
  /// The next slice > `sealed_through` at which sealing does something.
  [[nodiscard]] std::optional<std::int64_t> next_to_seal();
  /// Seals the slice: folds its panes and makes the final rows of the window that ends with it.
  struct sealed_slice {
    std::string log;
    std::vector<row_ptr> rows;
  };
  [[nodiscard]] sealed_slice seal(std::int64_t s);
  [[nodiscard]] const key_set<key_state>& keys() const noexcept { return keys_; }
  /// Sliding: keys with sealed slices that windows to come cover.
  [[nodiscard]] const std::vector<key_state*>& live() {
    settle_live();
    return live_;
  }
  /// Calls `each(e)` for the windows of a key that end with a slice in (after, through] and have a row, in
  /// order. `after` ≥ `sealed_through`.
  template <class Each>
  void for_each_row(const key_state& key, std::int64_t after, std::int64_t through, Each each) const {
    for (auto e = what_.window.next_window_end(after + 1); e <= through;) {
      if (has_row(key, e)) {
        each(e);
        e += what_.window.step;
        continue;
      }
      // From here on only later events make a row, however far away they are.
      const auto later = key.unsealed.since(e + 1);
      if (later.empty())
        return;
      e = what_.window.next_window_end(later.front().slice);
    }
  }
  /// Composes rows of closed windows of one key, ascending; with scores all up to `through`. Changed ones go
  /// to `put`.
  void compose_closed(key_state& key, std::span<const key_window> windows, std::int64_t through,
                      std::vector<row_ptr>& put);
  /// Composes rows of open windows of one key: of the one that ends first after its newest event, and of
  /// those shown before in which a slice from `oldest` on may have changed. Changed ones go to `put`.
  void compose_open(key_state& key, std::int64_t closed, std::int64_t oldest, std::vector<row_ptr>& put);

  [[nodiscard]] status recover(std::string_view record);
  [[nodiscard]] std::vector<std::string> head() const;
  [[nodiscard]] std::vector<std::pair<event_time, std::vector<row_ptr>>> sealed_after(event_time after) const;
  [[nodiscard]] std::vector<row_ptr> published_rows() const;
  /// Retained sealed rows of the window that ends with slice `e`, by key.
  [[nodiscard]] std::span<const row_ptr> sealed_rows(std::int64_t e) const {
    auto at = rows_.find(e);
    return at == rows_.end() ? std::span<const row_ptr>{} : at->second;
  }
  /// Forgets sealed rows older than `retain`, but none of windows ending after `keep`; returns up to where.
  event_time trim(event_time keep);
  [[nodiscard]] bool nothing_unsealed() const noexcept { return unsealed_.empty(); }
  /// Frees keys without panes, slices and models.
  void forget_unused(const std::function<void(key_state*)>& leaving);

private:
  [[nodiscard]] bool sliding() const noexcept { return what_.window.slices > 1; }
  [[nodiscard]] bool has_events(const key_state& key, std::int64_t e) const;
  /// Whether the window ending with slice `e` has events of the key, or is the first one without.
  [[nodiscard]] bool has_row(const key_state& key, std::int64_t e) const;
  /// Aggregates, late counts → a row without scores.
  [[nodiscard]] std::shared_ptr<row> compose(key_state& key, std::int64_t e, row_state state);
  [[nodiscard]] std::shared_ptr<row> make_row(const key_state& key, std::int64_t e, row_state state,
                                              const accumulator& total, std::uint32_t revision);
  [[nodiscard]] key_history& history(key_state& key) const;
  [[nodiscard]] bool changed(key_state& key, std::int64_t e, const row_ptr& r);
  void fold_cell(key_state& key, std::int64_t s, byte_writer& log);
  /// A key gets a sealed slice.
  void enter_live(key_state& key);
  void settle_live();
  /// Rows of the window that ends with `s`, and their keys. `in_slice`: the keys with panes in the slice.
  void seal_window(std::int64_t s, std::span<key_state* const> due, std::vector<row_ptr>& rows,
                   std::vector<key_state*>& of);
  void window_done(key_state& key, std::int64_t s);
  /// Whether the models of a key may change a score to come.
  [[nodiscard]] bool remembers(const key_state& key) const;
  void look_at(key_state& key);
  static void begin_sealed(byte_writer& out, std::int64_t s);
  /// A sealed row of the window that ends with slice `e`.
  [[nodiscard]] std::shared_ptr<row> read_sealed(byte_reader& in, std::int64_t e) const;
  [[nodiscard]] bool recover_sealed(byte_reader& in);
  [[nodiscard]] bool recover_rows(byte_reader& in);
  [[nodiscard]] bool recover_key(byte_reader& in);
  [[nodiscard]] bool recover_slice(key_state& key, std::int64_t s, byte_reader& in);

  const view_plan& what_;
  key_set<key_state> keys_;
  unsealed_slices<key_state> unsealed_;
  std::vector<key_state*> live_;                      // sliding: keys that are live, in their order
  std::vector<key_state*> entering_;                  // those that became live since, in any order
  bool leaving_ = false;                              // some of `live_` aren't any more
  std::vector<key_state*> unused_;                    // maybe without anything left
  std::map<std::int64_t, std::vector<row_ptr>> rows_; // sealed and retained, by end slice
  accumulator total_;                                 // scratch, as the next two lines
  std::vector<value> slots_;
  mutable std::string cells_, bits_;
};

} // namespace tidemill
