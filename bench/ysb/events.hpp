#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace tidemill {

/// What the Yahoo Streaming Benchmark's events are drawn from.
struct ysb_settings {
  std::uint64_t seed = 1;
  std::int64_t start_ms = 1'767'225'600'000; // 2026-01-01T00:00:00Z; on the border of a window
  std::int64_t spacing_us = 10'000;          // event time between two events
  bool skew = false;                         // each event ±50 ms, one in 100,000 late by up to a minute
  int campaigns = 100;
  int ads_per_campaign = 10;
};

/// Events of the Yahoo Streaming Benchmark, and how many views each campaign had per window of 10 s.
///
/// As yahoo/streaming-benchmarks has it in `data/src/setup/core.clj`: seven string values, uniform over 100
/// users, 100 pages, the ads, 5 kinds of ads and 3 types of events. Equal settings give equal events.
class ysb_events {
public:
  static constexpr std::int64_t window_ms = 10'000;

  explicit ysb_events(ysb_settings settings);

  /// The next event, counted if it is a view. The text is good until the next call.
  std::string_view next();

  /// Views so far.
  [[nodiscard]] std::uint64_t views() const noexcept { return views_; }
  /// The newest time of an event so far.
  [[nodiscard]] std::int64_t newest_ms() const noexcept { return newest_ms_; }

  /// `ad_id,campaign_id`, a line per ad, with a header.
  [[nodiscard]] std::string campaigns_csv() const;
  /// `campaign_id,window_start,views`, a line per campaign and window with views, with a header; by window,
  /// then campaign. `window_start` is in milliseconds since 1970.
  [[nodiscard]] std::string expected_csv() const;

private:
  std::int64_t time_of_next();
  void count(std::int64_t at, std::size_t ad);

  ysb_settings settings_;
  std::mt19937_64 random_;
  std::vector<std::string> users_, pages_, ads_, campaigns_;
  std::string text_;
  std::uint64_t events_ = 0;
  std::uint64_t views_ = 0;
  std::int64_t newest_ms_;
  std::int64_t first_window_;          // number of the window of the first counter
  std::vector<std::uint32_t> counted_; // [window × campaigns + campaign]
};

} // namespace tidemill
