#pragma once

#include "pipeline/aggregate.hpp"
#include "pipeline/key_set.hpp"
#include "pipeline/panes.hpp"
#include "pipeline/plan.hpp"
#include "pipeline/time_buckets.hpp"
#include "pipeline/view_engine.hpp"
#include "pipeline/view_log_frame.hpp"

#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace tidemill {

/// Which event a row is of: the latest has the greatest. Slices are stretches of offsets.
struct latest_place {
  event_time at = time_min;
  partition_id from{};
  std::int64_t slice = 0;
  friend auto operator<=>(const latest_place&, const latest_place&) = default;
};

/// The latest event of each key: a row without an end, or a gravestone if the event deletes it. Older ones
/// that come later change nothing; so gravestones stay, for `retain` if there is one, as rows do.
///
/// Last is idempotent: a pane that comes again, or for the first time after one of a later slice, does no
/// harm. What has changed goes to the log with the offsets that it contains, and is synced; then workers may
/// forget the slices below these.
///
///     log: as `view_log_frame`, and
///     'U': (key, time, partition, slice, deleted u8, row unless deleted)…   what has changed
///     'X': time         rows of this or earlier are gone
///     'K': as 'U'       all there is, in a head
class latest_view final : public view_engine {
public:
  latest_view(const view_plan& what, std::size_t partitions);
  ~latest_view() override;

  void take(partition_id from, std::span<const std::string> pieces) override;
  void publish(event_time watermark, const std::vector<offset>& have, bool open, view_tick& t) override;
  [[nodiscard]] status recover(std::string_view record) override;
  [[nodiscard]] std::vector<std::string> head() const override;
  [[nodiscard]] std::vector<std::pair<event_time, std::vector<row_ptr>>>
  sealed_after(event_time after) const override;
  [[nodiscard]] std::vector<row_ptr> rows() const override;
  [[nodiscard]] event_time trimmed() const noexcept override { return log_.trimmed; }
  [[nodiscard]] event_time trim(event_time keep) override;
  [[nodiscard]] const std::vector<offset>& frontier() const noexcept override { return log_.frontier; }
  [[nodiscard]] std::int64_t sealed_through() const noexcept override { return nothing_sealed; }
  [[nodiscard]] std::int64_t durable_through(partition_id p) const noexcept override;
  [[nodiscard]] bool nothing_unsealed() const noexcept override { return changed_.empty(); }

private:
  struct entry {
    std::string key;
    latest_place of;
    row_ptr row;             ///< null: deleted
    row_ptr shown;           ///< what readers have
    bucket_place age;        ///< in `by_age_`
    bool is_changed = false; ///< since the last record
    bool is_due = false;     ///< to be shown
  };

  void replace(entry& e, const latest_place& of, row_ptr row);
  [[nodiscard]] bool put_pane(const pane_image& pane, std::uint64_t hash, partition_id from);
  void log_changes(view_tick& t);
  void show_due(view_tick& t);
  void show_all(view_tick& t);
  void drop_expired(std::vector<row_ptr>& gone);
  /// In the order of their keys.
  [[nodiscard]] std::vector<entry*> all() const;
  void write(byte_writer& out, const entry& e, std::string& cells) const;
  [[nodiscard]] bool read_entries(byte_reader& in);

  const view_plan& what_;
  view_log_frame log_;
  key_set<entry> entries_;
  std::vector<entry*> changed_, due_;
  time_buckets<entry, &entry::age> by_age_; ///< with `retain`: by the time of what they are of
  event_time expired_ = time_min;           ///< of this or earlier: gone
  bool shown_ = false;                      ///< readers have rows of this incarnation
};

} // namespace tidemill
