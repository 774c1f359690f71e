#include "pipeline/aggregates/canonical.hpp"
#include "pipeline/aggregates/families.hpp"
#include "pipeline/aggregates/state_aggregate.hpp"

#include <array>
#include <cstring>
#include <limits>
#include <utility>

namespace tidemill {
namespace {

template <bool Max, class T>
bool better(const T& a, const T& b) noexcept {
  return Max ? b < a : a < b;
}

// How a value of a column is held, saved and given back. The default suits integers.
template <class T>
struct traits {
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
struct traits<std::uint8_t> {
  static bool skip(std::uint8_t) noexcept { return false; }
  static std::uint8_t normal(std::uint8_t x) noexcept { return x; }
  static void save(std::uint8_t x, byte_writer& out) { out.u8(x); }
  static bool load(std::uint8_t& x, byte_reader& in) {
    x = in.u8();
    return x <= 1;
  }
  static value give(std::uint8_t x) { return x != 0; }
};

// NaN is no value here, as null is; the two zeros are one.
template <>
struct traits<double> {
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
struct traits<decimal> {
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
struct traits<timestamp> {
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
struct traits<duration> {
  static bool skip(duration) noexcept { return false; }
  static duration normal(duration x) noexcept { return x; }
  static void save(duration x, byte_writer& out) { out.fixed(x.nanos); }
  static bool load(duration& x, byte_reader& in) {
    x.nanos = in.fixed<std::int64_t>();
    return true;
  }
  static value give(duration x) { return x; }
};

// A scalar as bytes: a decimal wants more alignment than accumulators have.
template <class T, bool Max>
class extreme {
public:
  void add(T x) noexcept {
    if (traits<T>::skip(x))
      return;
    if (!present_ || better<Max>(x, held()))
      hold(traits<T>::normal(x));
  }
  void merge(const extreme& from) noexcept {
    if (from.present_)
      add(from.held());
  }
  [[nodiscard]] value finish() const { return present_ ? traits<T>::give(held()) : value{}; }
  void save(byte_writer& out) const {
    out.u8(present_ ? 1 : 0);
    if (present_)
      traits<T>::save(held(), out);
  }
  [[nodiscard]] bool load(byte_reader& in) {
    auto present = in.u8();
    if (present == 0 || present > 1)
      return present == 0;
    T x{};
    if (!traits<T>::load(x, in) || !in.ok())
      return false;
    hold(traits<T>::normal(x));
    return true;
  }
  [[nodiscard]] std::size_t heap_bytes() const noexcept { return 0; }

private:
  [[nodiscard]] T held() const noexcept {
    T x;
    std::memcpy(&x, bytes_.data(), sizeof(T));
    return x;
  }
  void hold(T x) noexcept {
    std::memcpy(bytes_.data(), &x, sizeof(T));
    present_ = true;
  }

  alignas(8) std::array<std::byte, sizeof(T)> bytes_{};
  bool present_ = false;
};

// Text or bytes. Bytewise order, which for UTF-8 is that of code points, as CEL wants it.
template <bool Max>
class text_extreme {
public:
  void add(std::string_view x) {
    if (!text_ || better<Max>(x, held()))
      hold(x);
  }
  void merge(const text_extreme& from) {
    if (from.text_)
      add(from.held());
  }
  [[nodiscard]] bool present() const noexcept { return text_ != nullptr; }
  [[nodiscard]] std::string_view held() const noexcept { return {text_.get(), size_}; }
  void save(byte_writer& out) const {
    out.u8(text_ ? 1 : 0);
    if (text_)
      out.text(held());
  }
  [[nodiscard]] bool load(byte_reader& in) {
    auto present = in.u8();
    if (present == 0 || present > 1)
      return present == 0;
    auto text = in.text();
    if (!in.ok() || text.size() > std::numeric_limits<std::uint32_t>::max())
      return false;
    hold(text);
    return true;
  }
  [[nodiscard]] std::size_t heap_bytes() const noexcept { return room_; }

private:
  void hold(std::string_view x) {
    if (!text_ || x.size() > room_ || x.size() < room_ / 4) {
      room_ = static_cast<std::uint32_t>(x.size());
      text_ = std::make_unique<char[]>(room_);
    }
    size_ = static_cast<std::uint32_t>(x.size());
    x.copy(text_.get(), size_);
  }

  std::unique_ptr<char[]> text_; // null: none yet
  std::uint32_t size_ = 0, room_ = 0;
};

template <class T, bool Max>
made_aggregate scalar(const char* argument, kind k) {
  using state = extreme<T, Max>;
  return make_state_aggregate<state, T>(std::string{Max ? "max(" : "min("} + argument + ")", type{k, true},
                                        [](const state& s) { return s.finish(); });
}

template <class Held, bool Max>
made_aggregate text(const char* argument, kind k) {
  using state = text_extreme<Max>;
  return make_state_aggregate<state, std::string_view>(
      std::string{Max ? "max(" : "min("} + argument + ")", type{k, true},
      [](const state& s) -> value { return s.present() ? value{Held{std::string{s.held()}}} : value{}; });
}

template <bool Max>
made_aggregate make_extreme(kind k) {
  switch (k) {
  case kind::boolean:
    return scalar<std::uint8_t, Max>("bool", k);
  case kind::integer:
    return scalar<std::int64_t, Max>("int", k);
  case kind::uinteger:
    return scalar<std::uint64_t, Max>("uint", k);
  case kind::real:
    return scalar<double, Max>("double", k);
  case kind::decimal:
    return scalar<decimal, Max>("decimal", k);
  case kind::timestamp:
    return scalar<timestamp, Max>("timestamp", k);
  case kind::duration:
    return scalar<duration, Max>("duration", k);
  case kind::string:
    return text<std::string, Max>("string", k);
  case kind::bytes:
    return text<byte_string, Max>("bytes", k);
  default:
    return nullptr;
  }
}

} // namespace

made_aggregate make_min(kind argument) {
  return make_extreme<false>(argument);
}

made_aggregate make_max(kind argument) {
  return make_extreme<true>(argument);
}

} // namespace tidemill
