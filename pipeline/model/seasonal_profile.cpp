#include "pipeline/model/seasonal_profile.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numbers>

namespace tidemill {
namespace {

constexpr double level_rate = 0.1;
constexpr double recent_rate = 1.0 / 15;
constexpr double long_rate = 1.0 / 6400;
constexpr std::uint64_t warm_up = 30;
constexpr double least_deviation = 1e-6; // a flat line must not turn the first tick of noise into an alarm
constexpr double least_tail = 1e-10;
constexpr double largest = 1e150; // squares of differences stay finite
constexpr std::uint8_t version = 1;

std::size_t bin_of(event_time at) {
  auto day = std::chrono::floor<std::chrono::days>(at);
  auto hour = std::chrono::floor<std::chrono::hours>(at - day).count();
  auto weekday = std::chrono::weekday{day}.iso_encoding();
  return static_cast<std::size_t>(hour) + (weekday >= 6 ? 24 : 0);
}

// Whether learning can have led here; a little more than `largest`, for rounding.
bool sound(double x) noexcept {
  return std::fabs(x) <= 10 * largest; // false for NaN
}

void lint(const options& o, std::vector<diagnostic>& out) {
  auto check = [&](std::string_view name, bool good, std::string_view range) {
    if (!good)
      out.push_back({severity::error, o.where(name), std::string{name},
                     std::string{name} + " must be " + std::string{range}, ""});
  };
  seasonal_profile::settings s;
  auto threshold = o.number("threshold", s.threshold);
  auto rate = o.number("rate", s.rate);
  auto tolerance = o.number("tolerance", s.tolerance);
  auto refractory = o.integer("refractory", s.refractory);
  check("threshold", threshold >= 0 && threshold <= 1, "from 0 to 1");
  check("rate", rate > 0 && rate <= 1, "more than 0 and at most 1");
  check("tolerance", tolerance >= 0 && tolerance <= 1e6, "from 0 to 1000000");
  check("refractory", refractory >= 1 && refractory <= std::numeric_limits<std::int32_t>::max(),
        "from 1 to 2147483647");
}

} // namespace

spec seasonal_profile::about() {
  return {
      .name = "seasonal_profile",
      .summary = "Learns a value's mean for each hour of working days and of weekends (UTC), and scores how "
                 "unlikely the recent differences from it are: 0 is usual, 1 is not.",
      .example = "surprise: {model: seasonal_profile, value: p99, threshold: 0.15}",
      .fields = {{.name = "threshold",
                  .type = field_type::number,
                  .text = "Scores below it are reported as 0.",
                  .fallback = "0.15"},
                 {.name = "rate",
                  .type = field_type::number,
                  .text = "Least weight of a new value in the mean of its hour: higher forgets faster.",
                  .fallback = "0.01",
                  .foreign = {"alpha", "learning_rate"}},
                 {.name = "tolerance",
                  .type = field_type::number,
                  .text = "A value beyond all earlier ones by more than this part of their range scores 1.",
                  .fallback = "0.05"},
                 {.name = "refractory",
                  .type = field_type::integer,
                  .text = "How many values after a reported one are reported as 0.",
                  .fallback = "150",
                  .foreign = {"cooldown", "probation"}}},
      .lint = lint};
}

result<std::unique_ptr<detector>> seasonal_profile::make(const options& o) {
  std::vector<diagnostic> faults;
  lint(o, faults);
  if (!faults.empty())
    return error{errc::config_invalid, "seasonal_profile: " + faults.front().text};
  settings s;
  s.threshold = o.number("threshold", s.threshold);
  s.rate = o.number("rate", s.rate);
  s.tolerance = o.number("tolerance", s.tolerance);
  s.refractory = static_cast<std::uint32_t>(o.integer("refractory", s.refractory));
  return std::unique_ptr<detector>{std::make_unique<seasonal_profile>(s)};
}

double seasonal_profile::score(event_time at, double x) {
  if (std::isnan(x))
    return 0;
  x = std::clamp(x, -largest, largest);
  auto bin = bin_of(at);
  auto miss = seen_ == 0 ? 0 : std::fabs(x - prediction(bin));
  recent_ += (miss - recent_) * recent_rate;
  auto score = out_of_range(x) ? 1 : likelihood();
  learn(bin, x);
  learn_error(miss);
  ++seen_;
  if (quiet_ > 0) {
    --quiet_;
    return 0;
  }
  if (score < settings_.threshold)
    return 0;
  quiet_ = settings_.refractory;
  return score;
}

double seasonal_profile::prediction(std::size_t bin) const noexcept {
  return visits_[bin] > 0 ? means_[bin] : level_;
}

double seasonal_profile::likelihood() const noexcept {
  if (seen_ <= warm_up)
    return 0;
  auto deviation = std::max(std::sqrt(variance_), least_deviation);
  auto tail = std::erfc((recent_ - mean_) / deviation / std::numbers::sqrt2) / 2;
  return std::clamp(std::log(tail + least_tail) / std::log(least_tail), 0.0, 1.0);
}

bool seasonal_profile::out_of_range(double x) const noexcept {
  auto slack = settings_.tolerance * (max_ - min_);
  return max_ > min_ && (x > max_ + slack || x < min_ - slack);
}

void seasonal_profile::learn(std::size_t bin, double x) noexcept {
  level_ = seen_ == 0 ? x : level_ + (x - level_) * level_rate;
  min_ = seen_ == 0 ? x : std::min(min_, x);
  max_ = seen_ == 0 ? x : std::max(max_, x);
  // The first value of all is a prediction of itself: it fills no bin.
  if (seen_ == 0)
    return;
  if (visits_[bin] < std::numeric_limits<std::uint16_t>::max())
    ++visits_[bin];
  means_[bin] += (x - means_[bin]) * std::max(settings_.rate, 1.0 / visits_[bin]);
}

void seasonal_profile::learn_error(double x) noexcept {
  auto rate = std::max(long_rate, 1 / static_cast<double>(seen_ + 1));
  auto step = x - mean_;
  mean_ += step * rate;
  variance_ = (1 - rate) * (variance_ + step * step * rate);
}

void seasonal_profile::save(byte_writer& out) const {
  out.u8(version);
  out.varint(seen_);
  out.varint(quiet_);
  for (auto x : {level_, recent_, mean_, variance_, min_, max_})
    out.fixed(x);
  for (std::size_t i = 0; i < bins; ++i) {
    out.varint(visits_[i]);
    if (visits_[i] > 0)
      out.fixed(means_[i]);
  }
}

bool seasonal_profile::load(byte_reader& in) {
  seasonal_profile read{settings_};
  auto known = in.u8() == version;
  read.seen_ = in.varint();
  auto quiet = in.varint();
  for (auto* x : {&read.level_, &read.recent_, &read.mean_, &read.variance_, &read.min_, &read.max_})
    *x = in.fixed<double>();
  auto good = known && read.seen_ < std::uint64_t{1} << 62 &&
              quiet <= std::numeric_limits<std::uint32_t>::max() && sound(read.level_) &&
              sound(read.recent_) && sound(read.mean_) && read.variance_ >= 0 &&
              read.variance_ <= 100 * largest * largest && sound(read.min_) && sound(read.max_) &&
              read.min_ <= read.max_;
  read.quiet_ = static_cast<std::uint32_t>(quiet);
  for (std::size_t i = 0; i < bins && good; ++i) {
    auto visits = in.varint();
    good = visits <= std::numeric_limits<std::uint16_t>::max();
    read.visits_[i] = static_cast<std::uint16_t>(visits);
    if (visits > 0)
      read.means_[i] = in.fixed<double>();
    good = good && sound(read.means_[i]);
  }
  if (!good || !in.ok())
    return false;
  *this = read;
  return true;
}

std::unique_ptr<detector> seasonal_profile::clone() const {
  return std::make_unique<seasonal_profile>(*this);
}

} // namespace tidemill
