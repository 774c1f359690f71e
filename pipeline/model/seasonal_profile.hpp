#pragma once

#include "pipeline/model/detector.hpp"

#include <array>
#include <cstdint>

namespace tidemill {

/// Anomalies against a learned daily profile: the likelihood of recent prediction errors under those of the
/// past.
///
/// The prediction is the mean of values at the same hour (UTC) on the same sort of day, working day or
/// weekend; an exponential mean of all values where there is none yet. The mean of recent absolute errors
/// (rate 1/15) is set against mean and deviation of older ones (rate max(1/6400, 1/n)), as in Numenta's
/// anomaly likelihood (Lavin and Ahmad 2015): the normal tail probability, on a log scale from 1 to 1e-10, is
/// the score from 0 to 1. The first 31 values have none. A value beyond all earlier ones by more than
/// `tolerance` of their range scores
/// 1. Scores below `threshold` are reported as 0, and so are the `refractory` values after a reported one.
///
/// Constant memory, about 0.6 KB; constant time, mostly one erfc and one log. NaN scores 0 and changes
/// nothing; magnitudes are limited to 1e150.
class seasonal_profile final : public detector {
public:
  struct settings {
    double threshold = 0.15;
    double rate = 0.01;      ///< least weight of a new value in its hour's mean, (0, 1]
    double tolerance = 0.05; ///< of the range seen
    std::uint32_t refractory = 150;
  };
  explicit seasonal_profile(const settings& s) : settings_(s) {}

  [[nodiscard]] static spec about();
  /// Errors: `config_invalid`, as lint reports them.
  [[nodiscard]] static result<std::unique_ptr<detector>> make(const options& o);

  double score(event_time at, double x) override;
  /// The settings are not saved.
  void save(byte_writer& out) const override;
  [[nodiscard]] bool load(byte_reader& in) override;
  [[nodiscard]] std::unique_ptr<detector> clone() const override;

private:
  static constexpr std::size_t bins = 48;

  [[nodiscard]] double prediction(std::size_t bin) const noexcept;
  [[nodiscard]] double likelihood() const noexcept;
  [[nodiscard]] bool out_of_range(double x) const noexcept;
  void learn(std::size_t bin, double x) noexcept;
  void learn_error(double x) noexcept;

  settings settings_;
  std::array<double, bins> means_{};
  std::array<std::uint16_t, bins> visits_{}; // stops at its maximum: only 1 / visits against `rate` matters
  std::uint64_t seen_ = 0;
  double level_ = 0;               // exponential mean of all values
  double recent_ = 0;              // of absolute errors, the newest included
  double mean_ = 0, variance_ = 0; // of absolute errors, the newest not included when it is judged
  double min_ = 0, max_ = 0;
  std::uint32_t quiet_ = 0; // values still to be reported as 0
};

} // namespace tidemill
