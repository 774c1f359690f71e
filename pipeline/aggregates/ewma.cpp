#include "pipeline/aggregates/canonical.hpp"
#include "pipeline/aggregates/families.hpp"
#include "pipeline/aggregates/state_aggregate.hpp"

#include <array>
#include <cmath>
#include <numbers>

namespace tidemill {
namespace {

// 2^-x for x ≥ 0 of operations that are exactly specified, so that all machines agree: a table for each of
// the first two bytes of the fraction, and for what is below 2^-16 the start of the series, 10^-15 off at
// most.
class halving {
public:
  halving() {
    for (std::size_t i = 0; i < 256; ++i)
      high_[i] = low_[i] = 1;
    double root = 0.5; // to the power 2^-bit
    for (std::size_t bit = 1; bit <= 16; ++bit) {
      root = std::sqrt(root);
      auto mask = std::size_t{1} << (16 - bit) % 8;
      auto& table = bit <= 8 ? high_ : low_;
      for (std::size_t i = 0; i < 256; ++i)
        if ((i & mask) != 0)
          table[i] *= root;
    }
  }

  double operator()(double x) const noexcept {
    if (!(x < 1100)) // below every double
      return 0;
    auto whole = static_cast<int>(x);
    auto places = (x - whole) * 65536;
    auto bits = static_cast<std::size_t>(places);
    auto rest = (places - static_cast<double>(bits)) / 65536 * std::numbers::ln2;
    return std::ldexp(high_[bits >> 8] * low_[bits & 255] * (1 - rest + rest * rest / 2), -whole);
  }

private:
  std::array<double, 256> high_, low_;
};

// Sums of values and of weights, as an event at `at` would see them: it weighs 1, one a half-life older a
// half. Moving `at` scales both sums (the exponential decay of Cormode, Shkapenyuk, Srivastava and Xu 2009),
// so parts merge, and events may come in any order.
struct fading_mean {
  static constexpr bool timed = true;
  using setting = double; // microseconds of a half-life

  event_time at{};
  double sum = 0, weight = 0;

  fading_mean() noexcept = default;
  void add(double x, event_time t, double half_life) noexcept { add(x, 1, t, half_life); }
  void add(std::int64_t x, event_time t, double h) noexcept { add(static_cast<double>(x), t, h); }
  void add(std::uint64_t x, event_time t, double h) noexcept { add(static_cast<double>(x), t, h); }
  void add(decimal x, event_time t, double h) noexcept {
    add(static_cast<double>(x.units) / static_cast<double>(decimal_one), t, h);
  }
  void merge(const fading_mean& from, double half_life) noexcept {
    if (from.weight > 0)
      add(from.sum, from.weight, from.at, half_life);
  }
  void save(byte_writer& out) const {
    out.fixed(weight);
    if (!(weight > 0))
      return;
    out.fixed(canonical(sum));
    out.svarint(at.time_since_epoch().count());
  }
  [[nodiscard]] bool load(byte_reader& in, double) {
    weight = in.fixed<double>();
    if (weight == 0)
      return !std::signbit(weight);
    sum = in.fixed<double>();
    at = event_time{microseconds{in.svarint()}};
    return weight >= 1 && weight < HUGE_VAL && at >= time_min && at <= time_max;
  }
  [[nodiscard]] std::size_t heap_bytes() const noexcept { return 0; }

private:
  void add(double x, double w, event_time t, double half_life) noexcept {
    static const halving fade;
    if (!(weight > 0)) {
      at = t;
      sum = x;
      weight = w;
      return;
    }
    auto apart = static_cast<double>((t > at ? t - at : at - t).count());
    auto kept = fade(apart / half_life);
    if (t > at) {
      sum = sum * kept + x;
      weight = weight * kept + w;
      at = t;
    } else {
      sum += x * kept;
      weight += w * kept;
    }
  }
};

template <class Input>
made_aggregate make(const char* argument, duration half_life) {
  return make_state_aggregate<fading_mean, Input>(
      std::string{"ewma("} + argument + ", " + format_cel_duration(half_life) + ')', type{kind::real, true},
      [](const fading_mean& m) { return m.weight > 0 ? value{canonical(m.sum / m.weight)} : value{}; },
      static_cast<double>(half_life.nanos) / 1000);
}

} // namespace

made_aggregate make_ewma(kind argument, duration half_life) {
  switch (argument) {
  case kind::integer:
    return make<std::int64_t>("int", half_life);
  case kind::uinteger:
    return make<std::uint64_t>("uint", half_life);
  case kind::real:
    return make<double>("double", half_life);
  case kind::decimal:
    return make<decimal>("decimal", half_life);
  default:
    return nullptr;
  }
}

} // namespace tidemill
