#include "pipeline/aggregates/canonical.hpp"
#include "pipeline/aggregates/families.hpp"
#include "pipeline/aggregates/state_aggregate.hpp"
#include "pipeline/aggregates/wide_integer.hpp"

#include <limits>

namespace tidemill {
namespace {

// The total of integers, decimals (in units) or durations (in nanoseconds), always exact.
template <std::size_t Words>
struct exact_total {
  wide_integer<Words> sum;

  void add(std::int64_t x) noexcept { sum.add(x); }
  void add(std::uint64_t x) noexcept { sum.add(x); }
  void add(decimal x) noexcept { sum.add(x.units); }
  void add(duration x) noexcept { sum.add(x.nanos); }
  void merge(const exact_total& from) noexcept { sum.add(from.sum); }
  void save(byte_writer& out) const { sum.save(out); }
  [[nodiscard]] bool load(byte_reader& in) { return sum.load(in); }
};

// A plain sum in the order of the calls: only the canonical order makes it repeatable.
struct real_total {
  double sum = 0;

  void add(double x) noexcept { sum += x; }
  void merge(const real_total& from) noexcept { sum += from.sum; }
  void save(byte_writer& out) const { out.fixed(canonical(sum)); }
  [[nodiscard]] bool load(byte_reader& in) {
    sum = in.fixed<double>();
    return true;
  }
};

template <class Total>
struct sum_state : Total {
  [[nodiscard]] std::size_t heap_bytes() const noexcept { return 0; }
};

template <class Total>
struct avg_state {
  Total total;
  std::uint64_t n = 0;

  template <class T>
  void add(T x) noexcept {
    total.add(x);
    ++n;
  }
  void merge(const avg_state& from) noexcept {
    total.merge(from.total);
    n += from.n;
  }
  void save(byte_writer& out) const {
    out.varint(n);
    total.save(out);
  }
  [[nodiscard]] bool load(byte_reader& in) {
    n = in.varint();
    return total.load(in);
  }
  [[nodiscard]] std::size_t heap_bytes() const noexcept { return 0; }
};

// A number as a value of the result's kind, or null out of its range.
value as_int(std::optional<int128> x) {
  if (!x || *x < std::numeric_limits<std::int64_t>::min() || *x > std::numeric_limits<std::int64_t>::max())
    return {};
  return static_cast<std::int64_t>(*x);
}
value as_uint(std::optional<int128> x) {
  if (!x || *x < 0 || *x > std::numeric_limits<std::uint64_t>::max())
    return {};
  return static_cast<std::uint64_t>(*x);
}
value as_duration(std::optional<int128> x) {
  auto nanos = as_int(x);
  return nanos.is_null() ? value{} : value{duration{*nanos.get_if<std::int64_t>()}};
}
value as_decimal(std::optional<int128> x) {
  return x && in_range(decimal{*x}) ? value{decimal{*x}} : value{};
}

template <class Input, std::size_t Words, value (*Convert)(std::optional<int128>)>
made_aggregate exact_sum(const char* name, kind result) {
  using state = sum_state<exact_total<Words>>;
  return make_state_aggregate<state, Input>(name, type{result, true},
                                            [](const state& s) { return Convert(s.sum.narrow()); });
}

template <class Input, std::size_t Words, value (*Convert)(std::optional<int128>)>
made_aggregate exact_avg(const char* name, kind result) {
  using state = avg_state<exact_total<Words>>;
  return make_state_aggregate<state, Input>(name, type{result, true}, [](const state& s) {
    return s.n == 0 ? value{} : Convert(s.total.sum.divide(s.n));
  });
}

template <class Input>
made_aggregate integer_avg(const char* name) {
  using state = avg_state<exact_total<2>>;
  return make_state_aggregate<state, Input>(name, type{kind::real, true}, [](const state& s) -> value {
    if (s.n == 0)
      return {};
    return static_cast<double>(*s.total.sum.narrow()) / static_cast<double>(s.n);
  });
}

// The states are those of sums, so that both can share one.
template <class Input, std::size_t Words>
made_aggregate exact_rate(const char* name, double unit) {
  using state = sum_state<exact_total<Words>>;
  return make_state_aggregate<state, Input>(name, type{kind::real, true},
                                            [unit](const state& s, microseconds window) -> value {
                                              auto total = s.sum.narrow();
                                              if (!total)
                                                return {};
                                              return per_second(static_cast<double>(*total) / unit, window);
                                            });
}

} // namespace

made_aggregate make_rate(kind argument) {
  switch (argument) {
  case kind::integer:
    return exact_rate<std::int64_t, 2>("sum(int)", 1);
  case kind::uinteger:
    return exact_rate<std::uint64_t, 2>("sum(uint)", 1);
  case kind::decimal:
    return exact_rate<decimal, 3>("sum(decimal)", static_cast<double>(decimal_one));
  case kind::duration:
    return exact_rate<duration, 2>("sum(duration)", 1e9);
  case kind::real:
    return make_state_aggregate<sum_state<real_total>, double>(
        "sum(double)", type{kind::real, true},
        [](const sum_state<real_total>& s, microseconds window) { return per_second(s.sum, window); });
  default:
    return nullptr;
  }
}

made_aggregate make_sum(kind argument) {
  switch (argument) {
  case kind::integer:
    return exact_sum<std::int64_t, 2, as_int>("sum(int)", kind::integer);
  case kind::uinteger:
    return exact_sum<std::uint64_t, 2, as_uint>("sum(uint)", kind::uinteger);
  case kind::decimal:
    return exact_sum<decimal, 3, as_decimal>("sum(decimal)", kind::decimal);
  case kind::duration:
    return exact_sum<duration, 2, as_duration>("sum(duration)", kind::duration);
  case kind::real:
    return make_state_aggregate<sum_state<real_total>, double>(
        "sum(double)", kind::real, [](const sum_state<real_total>& s) -> value { return canonical(s.sum); });
  default:
    return nullptr;
  }
}

made_aggregate make_avg(kind argument) {
  switch (argument) {
  case kind::integer:
    return integer_avg<std::int64_t>("avg(int)");
  case kind::uinteger:
    return integer_avg<std::uint64_t>("avg(uint)");
  case kind::decimal:
    return exact_avg<decimal, 3, as_decimal>("avg(decimal)", kind::decimal);
  case kind::duration:
    return exact_avg<duration, 2, as_duration>("avg(duration)", kind::duration);
  case kind::real: {
    using state = avg_state<real_total>;
    return make_state_aggregate<state, double>(
        "avg(double)", type{kind::real, true}, [](const state& s) -> value {
          return s.n == 0 ? value{} : value{canonical(s.total.sum / static_cast<double>(s.n))};
        });
  }
  default:
    return nullptr;
  }
}

} // namespace tidemill
