#pragma once

#include "event/bytes.hpp"
#include "event/value.hpp"
#include "pipeline/aggregates/canonical.hpp"

namespace tidemill {

/// How a scalar of a column is compared, saved and given back. The default suits integers.
template <class T>
struct scalar_form {
  static bool skip(T) noexcept { return false; }
  static T normal(T x) noexcept { return x; }
  static void save(T x, byte_writer& out) { out.fixed(x); }
  static bool load(T& x, byte_reader& in) {
    x = in.fixed<T>();
    return true;
  }
  static value give(T x) { return x; }
};

template <>
struct scalar_form<std::uint8_t> {
  static bool skip(std::uint8_t) noexcept { return false; }
  static std::uint8_t normal(std::uint8_t x) noexcept { return x; }
  static void save(std::uint8_t x, byte_writer& out) { out.u8(x); }
  static bool load(std::uint8_t& x, byte_reader& in) {
    x = in.u8();
    return x <= 1;
  }
  static value give(std::uint8_t x) { return x != 0; }
};

/// NaN has no place in an order (`skip`); the two zeros are one.
template <>
struct scalar_form<double> {
  static bool skip(double x) noexcept { return x != x; }
  static double normal(double x) noexcept { return x + 0.0; }
  static void save(double x, byte_writer& out) { out.fixed(x); }
  static bool load(double& x, byte_reader& in) {
    x = in.fixed<double>();
    return !skip(x);
  }
  static value give(double x) { return x; }
};

template <>
struct scalar_form<decimal> {
  static bool skip(decimal) noexcept { return false; }
  static decimal normal(decimal x) noexcept { return x; }
  static void save(decimal x, byte_writer& out) {
    out.fixed(static_cast<std::uint64_t>(x.units));
    out.fixed(static_cast<std::int64_t>(x.units >> 64));
  }
  static bool load(decimal& x, byte_reader& in) {
    auto low = in.fixed<std::uint64_t>();
    x.units = int128{in.fixed<std::int64_t>()} * (int128{1} << 64) + low;
    return in_range(x);
  }
  static value give(decimal x) { return x; }
};

template <>
struct scalar_form<timestamp> {
  static bool skip(timestamp) noexcept { return false; }
  static timestamp normal(timestamp x) noexcept { return x; }
  static void save(timestamp x, byte_writer& out) {
    out.fixed(x.seconds);
    out.fixed(x.nanos);
  }
  static bool load(timestamp& x, byte_reader& in) {
    x.seconds = in.fixed<std::int64_t>();
    x.nanos = in.fixed<std::int32_t>();
    return x.seconds >= timestamp_min_seconds && x.seconds <= timestamp_max_seconds && x.nanos >= 0 &&
           x.nanos < 1'000'000'000;
  }
  static value give(timestamp x) { return x; }
};

template <>
struct scalar_form<duration> {
  static bool skip(duration) noexcept { return false; }
  static duration normal(duration x) noexcept { return x; }
  static void save(duration x, byte_writer& out) { out.fixed(x.nanos); }
  static bool load(duration& x, byte_reader& in) {
    x.nanos = in.fixed<std::int64_t>();
    return true;
  }
  static value give(duration x) { return x; }
};

} // namespace tidemill
