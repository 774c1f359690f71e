#pragma once

#include "pipeline/alert_watch.hpp"
#include "pipeline/plan.hpp"
#include "pipeline/view_engine.hpp"
#include "pipeline/view_state.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tidemill {

/// Tumbling, sliding and calendar windows: decides when `view_state` does what, and shows rules the rows.
class sliced_view final : public view_engine {
public:
  sliced_view(const view_plan& what, std::size_t partitions, std::uint64_t alert_epoch);
  ~sliced_view() override;

  void take(partition_id p, std::span<const std::string> pieces) override;
  void publish(event_time watermark, const std::vector<offset>& have, bool open, view_tick& t) override;
  [[nodiscard]] status recover(std::string_view record) override;
  [[nodiscard]] std::vector<std::string> head() const override;
  [[nodiscard]] std::vector<std::pair<event_time, std::vector<row_ptr>>>
  sealed_after(event_time after) const override {
    return state_.sealed_after(after);
  }
  [[nodiscard]] std::vector<row_ptr> rows() const override { return state_.published_rows(); }
  [[nodiscard]] std::vector<alert_snapshot_ptr> alerts() const override { return rules_.snapshots(); }
  void keep_entries(std::size_t rule, std::uint64_t from) noexcept override {
    rules_.keep_entries(rule, from);
  }
  [[nodiscard]] event_time trimmed() const noexcept override { return state_.frame.trimmed; }
  [[nodiscard]] event_time trim(event_time keep) override { return state_.trim(keep); }
  [[nodiscard]] const std::vector<offset>& frontier() const noexcept override {
    return state_.frame.frontier;
  }
  [[nodiscard]] std::int64_t sealed_through() const noexcept override { return state_.sealed_through; }
  [[nodiscard]] std::int64_t durable_through(partition_id) const noexcept override {
    return state_.frame.through;
  }
  [[nodiscard]] bool nothing_unsealed() const noexcept override { return state_.nothing_unsealed(); }

private:
  void note_dirty(key_state& key, std::int64_t slice);
  void seal(view_tick& t);
  void seal_slice(std::int64_t s, view_tick& t);
  void close(view_tick& t);
  void emit_open(view_tick& t);

  const view_plan& what_;
  view_state state_;
  alert_watch rules_;
  event_time watermark_ = time_min;
  std::int64_t closed_ = nothing_sealed;
  std::vector<std::pair<std::int64_t, key_state*>> dirty_; ///< (slice, key) since the last tick
  /// Keys since the last tick with open rows, each with its oldest slice that has changed.
  std::vector<std::pair<key_state*, std::int64_t>> dirty_open_;
  std::vector<key_window> affected_; ///< scratch
  bool first_open_ = true;           ///< what the log has given back is shown, too
};

} // namespace tidemill
