#include "pipeline/aggregates/canonical.hpp"
#include "pipeline/aggregates/families.hpp"
#include "pipeline/aggregates/state_aggregate.hpp"

#include <cmath>
#include <limits>

namespace tidemill {
namespace {

// Count, mean and sum of squared differences from the mean. A value is added as Welford did (1962), two are
// merged as Chan, Golub and LeVeque did (1979): neither subtracts large sums of squares from each other, so
// the relative error stays within about n ε √(1 + mean²/variance), where the textbook formula has its square.
struct moments {
  std::uint64_t n = 0;
  double mean = 0, squares = 0;

  void add(double x) noexcept {
    ++n;
    auto off = x - mean;
    mean += off / static_cast<double>(n);
    squares += off * (x - mean);
  }
  void add(std::int64_t x) noexcept { add(static_cast<double>(x)); }
  void add(std::uint64_t x) noexcept { add(static_cast<double>(x)); }
  void add(decimal x) noexcept { add(static_cast<double>(x.units) / static_cast<double>(decimal_one)); }
  void add(duration x) noexcept { add(static_cast<double>(x.nanos)); }

  void merge(const moments& from) noexcept {
    if (from.n == 0)
      return;
    if (n == 0) {
      *this = from;
      return;
    }
    auto a = static_cast<double>(n), b = static_cast<double>(from.n);
    auto off = from.mean - mean;
    n += from.n;
    mean += off * (b / (a + b));
    squares += from.squares + off * off * (a * (b / (a + b)));
  }
  // Numbers so far apart that their difference is infinite leave nonsense behind, perhaps below zero.
  [[nodiscard]] double spread() const noexcept {
    return squares >= 0 ? squares : std::numeric_limits<double>::quiet_NaN();
  }
  void save(byte_writer& out) const {
    out.varint(n);
    if (n == 0)
      return;
    out.fixed(canonical(mean));
    out.fixed(spread());
  }
  [[nodiscard]] bool load(byte_reader& in) {
    n = in.varint();
    if (n == 0)
      return true;
    mean = in.fixed<double>();
    squares = in.fixed<double>();
    return !(squares < 0);
  }
  [[nodiscard]] std::size_t heap_bytes() const noexcept { return 0; }
};

// What a whole population varies by, or what a sample of it says; null if there are too few values.
value variance(const moments& m, bool sample) {
  if (m.n < (sample ? 2 : 1))
    return {};
  return canonical(m.spread() / static_cast<double>(m.n - (sample ? 1 : 0)));
}

value deviation(const moments& m, bool sample) {
  auto v = variance(m, sample);
  return v.is_null() ? value{} : value{std::sqrt(*v.get_if<double>())};
}

value duration_deviation(const moments& m, bool sample) {
  auto v = deviation(m, sample);
  const auto* nanos = v.get_if<double>();
  return nanos != nullptr && *nanos < 0x1p63 ? value{duration{std::llround(*nanos)}} : value{};
}

template <class Input>
made_aggregate make(kind argument, kind result, value (*give)(const moments&, bool), bool sample) {
  return make_state_aggregate<moments, Input>("moments(" + to_string(type{argument}) + ")",
                                              type{result, true},
                                              [give, sample](const moments& m) { return give(m, sample); });
}

made_aggregate make(kind argument, value (*give)(const moments&, bool), bool sample) {
  switch (argument) {
  case kind::integer:
    return make<std::int64_t>(argument, kind::real, give, sample);
  case kind::uinteger:
    return make<std::uint64_t>(argument, kind::real, give, sample);
  case kind::real:
    return make<double>(argument, kind::real, give, sample);
  case kind::decimal:
    return make<decimal>(argument, kind::real, give, sample);
  default:
    return nullptr;
  }
}

} // namespace

made_aggregate make_variance(kind argument, bool sample) {
  return make(argument, variance, sample);
}

made_aggregate make_deviation(kind argument, bool sample) {
  if (argument == kind::duration)
    return make<duration>(argument, kind::duration, duration_deviation, sample);
  return make(argument, deviation, sample);
}

} // namespace tidemill
