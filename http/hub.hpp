#pragma once

#include "http/frames.hpp"
#include "http/server.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace tidemill {

using steady_time = std::chrono::steady_clock::time_point;

/// Bounds of the memory that slow readers may hold in one hub.
struct hub_limits {
  std::size_t frame = 256u << 10;         ///< bytes of rows in a frame
  std::size_t small_frame = 16u << 10;    ///< the same when half of `frames` is in use
  std::size_t frames = 128u << 20;        ///< bytes of all frames in flight; beyond, readers wait
  std::size_t pinned = 16;                ///< snapshots of a view held by deliveries of several frames
  std::size_t filters = 10'000;           ///< distinct (view, filter) pairs
  std::chrono::milliseconds marks{1000};  ///< a moved watermark alone is told at most this often
  std::chrono::milliseconds filter{5000}; ///< processor time that a reader's filter may take at once …
  double filter_share = 0.5;              ///< … and for good, of each second
};

/// The middle between the views' publications and the readers of one io thread.
///
/// A reader is a position. `refresh` looks once a tick at what the views have published; `next` encodes what
/// a reader lacks when its socket can take it. Readers of the same (view, filter) that stand at the same
/// position get the same encoded frame, made once. A slow reader asks less often and gets merged changes; it
/// holds one frame and, while that is one of several, the snapshot it is on its way to.
///
/// Not thread-safe: each io thread has its own.
class hub {
public:
  struct group;
  struct pin;

  /// A reader of one view.
  struct subscription {
    std::shared_ptr<group> readers;
    std::uint64_t epoch = 0, offset = 0;
    bool placed = false;               ///< the position means something
    std::shared_ptr<const pin> target; ///< of a delivery in several frames, else null
    delivery rest;
    steady_time since{}; ///< begin of that delivery
    event_time watermark = time_min;
    std::size_t partial = 0; ///< hash of the reasons last told
    steady_time told{};
    std::chrono::nanoseconds cost{}; ///< of the filter; what its share allows is taken off
    bool costly = false;             ///< the filter takes too long: others should not wait for it
  };

  /// A reader of the log of an alert: it gets every entry, in order.
  struct log_subscription {
    std::size_t alert = 0;
    std::uint64_t epoch = 0, offset = 0; ///< of the next entry
  };

  explicit hub(hub_limits limits = {});
  ~hub();
  hub(const hub&) = delete;
  hub& operator=(const hub&) = delete;

  /// What is served from now on; subscriptions of earlier content must be gone.
  void serve(std::shared_ptr<const server_content> content);
  [[nodiscard]] const server_content* content() const noexcept { return content_.get(); }
  /// Loads the current snapshots and drops what no reader uses any more.
  void refresh();

  /// Errors: `refused` (no such view), `expression_invalid`, `full` (too many filters), `unavailable`.
  [[nodiscard]] result<subscription> subscribe(std::string_view view, const std::string& where);
  /// The newest snapshot known of the subscription's view.
  [[nodiscard]] const view_snapshot& current(const subscription& s) const;

  /// What `s` lacks, one frame of it, and moves `s` behind it; null if there is nothing to tell or no memory
  /// to tell it with. The caller must deliver the frame or drop the subscription.
  [[nodiscard]] std::shared_ptr<const frame> next(subscription& s, steady_time now);

  /// At the end of the log. Errors: `refused` (no such alert), `unavailable`.
  [[nodiscard]] result<log_subscription> follow(std::string_view alert);
  /// The newest log known.
  [[nodiscard]] const alert_snapshot& current(const log_subscription& s) const;
  /// The next entries, one frame of them, and moves `s` behind them; null as above. Entries that are no
  /// longer kept are counted as `lost`; a log of another epoch begins at its end.
  [[nodiscard]] std::shared_ptr<const frame> next(log_subscription& s);

  [[nodiscard]] std::size_t bytes_in_flight() const noexcept { return *in_flight_; }
  [[nodiscard]] std::size_t groups() const noexcept { return groups_.size(); }
  /// Frames encoded since construction: less than frames delivered if readers share them.
  [[nodiscard]] std::uint64_t encoded() const noexcept { return encoded_; }

private:
  struct view_state {
    std::shared_ptr<const pin> current;
    std::vector<std::weak_ptr<const pin>> pinned;
  };

  [[nodiscard]] std::shared_ptr<const frame> encode(group& g, std::uint64_t serial, const delivery& d);
  void charge(subscription& s, const frame& f, steady_time now) const;
  [[nodiscard]] std::shared_ptr<const pin> older_target(view_state& view, const subscription& s) const;
  void drop_unused(view_state& view);

  hub_limits limits_;
  std::shared_ptr<const server_content> content_;
  std::vector<view_state> views_;
  std::vector<alert_snapshot_ptr> logs_; // of alerts, as they are now
  std::map<std::tuple<std::size_t, std::uint64_t, std::uint64_t>, std::weak_ptr<const frame>>
      log_frames_; // in flight, by alert, and the offsets that they begin and end with
  std::map<std::pair<std::size_t, std::string>, std::weak_ptr<group>> groups_;
  std::shared_ptr<std::size_t> in_flight_;
  std::uint64_t serial_ = 0, encoded_ = 0, ticks_ = 0;
};

} // namespace tidemill
